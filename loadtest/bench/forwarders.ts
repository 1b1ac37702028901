import { missingPackages } from '../../src/setup/debian.mjs';
import { findWorker } from '../../workers/ensure.ts';
import type { Forwarder } from './forwarder.ts';
import { janusForwarder } from './janus-forwarder.ts';
import { mediasoupForwarder } from './mediasoup-forwarder.ts';
import type { MediaOptions } from './options.ts';
import { batchedForwarder, referenceForwarder } from './reference-forwarder.ts';
import { ensureStockWorker } from './stock.ts';

/** The rows that are made by default, in the order in which they are shown. */
const ROWS = ['reference', 'stock', 'product', 'janus', 'janus-1loop'] as const;

/**
 * The forwarders that were asked for.
 * @throws Error that says which names there are, or what one of them lacks
 */
export async function findForwarders(options: MediaOptions): Promise<Forwarder[]> {
  const wanted = options.rows ?? (await rowsThereAre());
  const rows: Forwarder[] = [];
  for (const name of wanted) rows.push(await findRow(name));
  const others = options.worker.map(({ label, path }) =>
    mediasoupForwarder(label, path, `mediasoup-worker, ${path}`),
  );
  return [...rows, ...others];
}

/** Of the default rows, those that this machine can run; says which are left out, and why. */
async function rowsThereAre(): Promise<string[]> {
  const missing = whyNoJanus();
  if (missing === undefined) return [...ROWS];
  console.error(`without the rows of Janus: ${missing}`);
  return ROWS.filter((name) => !name.startsWith('janus'));
}

function whyNoJanus(): string | undefined {
  if (process.getuid?.() !== 0) return 'they need root, for a network namespace';
  return missingPackages([{ commands: [{ name: 'janus', package: 'janus' }], headers: [] }]).length > 0
    ? 'install it with `apt-get install -y --no-install-recommends janus`'
    : undefined;
}

async function janus(label: string, eventLoops: number | undefined): Promise<Forwarder> {
  const missing = whyNoJanus();
  if (missing !== undefined) throw new Error(`no row ${label}: ${missing}`);
  return janusForwarder(label, eventLoops);
}

async function findRow(name: string): Promise<Forwarder> {
  switch (name) {
    case 'reference':
      return referenceForwarder;
    case 'batched':
      return batchedForwarder;
    case 'stock': {
      const worker = await ensureStockWorker();
      return mediasoupForwarder(
        'stock',
        worker.path,
        `mediasoup-worker ${worker.version} with upstream's flags and libsrtp on OpenSSL, without this product's patches but the one it cannot start without`,
      );
    }
    case 'product': {
      const worker = findWorker();
      if (worker === undefined) throw new Error('there is no media worker yet: run `npm run setup`');
      return mediasoupForwarder(
        'product',
        worker.path,
        `this product's worker, mediasoup ${worker.version}, ${worker.sha256.slice(0, 12)}`,
      );
    }
    case 'janus':
      return janus('janus', undefined);
    case 'janus-1loop':
      return janus('janus-1loop', 1);
    default:
      throw new Error(`no row ${name}; there are ${ROWS.join(', ')}, batched`);
  }
}
