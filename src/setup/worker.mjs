import { createMeter, say } from './report.mjs';

const labels = {
  source: 'fetching the source of libsrtp',
  prepare: 'building the media worker (once)',
  compile: 'building the media worker (once)',
  verify: 'testing the media worker with real media',
  wait: 'waiting for another process that builds the media worker',
  download: 'fetching a prebuilt media worker',
};

/**
 * Loads what finds and builds the worker. It is TypeScript, so this works only once node_modules is there.
 */
async function loadWorkers() {
  const { tsImport } = await import('tsx/esm/api');
  return tsImport('../../workers/ensure.ts', import.meta.url);
}

/**
 * The worker that is there and matches this checkout, or nothing.
 */
export async function findCurrentWorker() {
  const { findWorker } = await loadWorkers();
  return findWorker({ current: true });
}

/**
 * Finds, builds or fetches the worker, and shows how far that is.
 * @param {AbortSignal} signal
 * @returns {Promise<string>} its path
 */
export async function ensureWorker(signal) {
  const { ensureWorker: ensure } = await loadWorkers();
  let meter;
  let label;
  const onProgress = ({ phase, percent, warning }) => {
    if (warning !== undefined) {
      meter?.stop();
      meter = undefined;
      label = undefined;
      say(warning);
      return;
    }
    if (labels[phase] !== label) {
      meter?.done();
      label = labels[phase];
      meter = createMeter(label, { quietMs: 0 });
    }
    meter.update(percent);
  };
  try {
    const worker = await ensure({ onProgress, signal });
    meter?.done();
    if (meter) say(`media worker: ${worker.origin}, mediasoup ${worker.version}, ${worker.path}`);
    return worker.path;
  } catch (error) {
    meter?.stop();
    throw error;
  }
}
