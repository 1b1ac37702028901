import { Worker } from 'node:worker_threads';
import type { BundleCode, BundleQuestion } from '../policy/bundle.ts';
import type { CompiledPolicy } from '../policy/compile.ts';

/** What the worker says of a bundle: proved and compiled, or why not. Plain data, so that it can be posted. */
export type Judgement =
  | {
      readonly ok: true;
      readonly compiled: CompiledPolicy;
      readonly constitution: readonly string[];
      readonly document: readonly string[];
    }
  | {
      readonly ok: false;
      readonly code: BundleCode | 'bundle_not_judged';
      readonly message: string;
      readonly signedVersion: number | null;
    };

/** Total. `signal` ends it early, as a refusal. */
export type JudgeBundle = (
  bytes: Uint8Array,
  question: BundleQuestion,
  signal: AbortSignal,
) => Promise<Judgement>;

const TIMEOUT_MS = 60_000;

/**
 * Verifies, proves and compiles a bundle in a worker thread, so that the node's event loop goes on. Total: a worker
 * that fails, or does not answer in time, is a refusal.
 */
export const judgeInWorker: JudgeBundle = (bytes, question, signal) =>
  new Promise((resolve) => {
    const worker = new Worker(new URL('./policy-thread.mjs', import.meta.url), {
      workerData: { bytes, question },
      // Not the parent's: a test runner's loaders are of no use there.
      execArgv: [],
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: 512 },
    });
    const finish = (judgement: Judgement) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      void worker.terminate();
      resolve(judgement);
    };
    const fail = (message: string) =>
      finish({ ok: false, code: 'bundle_not_judged', message, signedVersion: null });
    const onAbort = () => fail('the node is being shut down');
    signal.addEventListener('abort', onAbort);
    const timer = setTimeout(() => fail('the proof did not end in time'), TIMEOUT_MS);
    if (signal.aborted) onAbort();
    worker.once('message', finish);
    worker.once('error', (error) => fail(`the proof failed: ${error.message}`));
    worker.once('exit', () => fail('the proof ended without an answer'));
  });
