import { findWorker } from '../../workers/ensure.ts';
import type { Forwarder } from './forwarder.ts';
import { mediasoupForwarder } from './mediasoup-forwarder.ts';
import type { MediaOptions } from './options.ts';
import { referenceForwarder } from './reference-forwarder.ts';

/** The rows that are made by default, in the order in which they are shown. */
const ROWS = ['reference', 'product'] as const;

/**
 * The forwarders that were asked for.
 * @throws Error that says which names there are, or what one of them lacks
 */
export async function findForwarders(options: MediaOptions): Promise<Forwarder[]> {
  const wanted = options.rows ?? ROWS;
  const rows: Forwarder[] = [];
  for (const name of wanted) rows.push(await findRow(name));
  const others = options.worker.map(({ label, path }) =>
    mediasoupForwarder(label, path, `mediasoup-worker, ${path}`),
  );
  return [...rows, ...others];
}

async function findRow(name: string): Promise<Forwarder> {
  switch (name) {
    case 'reference':
      return referenceForwarder;
    case 'product': {
      const worker = findWorker();
      if (worker === undefined) throw new Error('there is no media worker yet: run `npm run setup`');
      return mediasoupForwarder(
        'product',
        worker.path,
        `this product's worker, mediasoup ${worker.version}, ${worker.sha256.slice(0, 12)}`,
      );
    }
    default:
      throw new Error(`no row ${name}; there are ${ROWS.join(', ')}`);
  }
}
