import { Counter, type Registry as MetricsRegistry } from 'prom-client';
import type { RejectedNode } from './roster.ts';

/** Names that are remembered, and so logged, at most: whoever fills the registry with rubbish is only counted. */
const MOST_LOGGED = 1000;

export interface RejectionDeps {
  readonly logger: { warn(fields: object, message: string): void };
  readonly metrics: MetricsRegistry;
}

type Reporter = (node: Pick<RejectedNode, 'id' | 'datacenter'> & { readonly reason: string }) => void;

/** Counts every rejected record that is read, and logs each node once for each reason that follows another. */
export function createRejectionReporter(deps: RejectionDeps): Reporter {
  return reporter(
    deps,
    'watershed_registry_records_rejected_total',
    'Node records in the registry that were not believed, by reason, each time that one was read.',
    "a node's record is not believed: nobody is sent there",
  );
}

/** Counts what a node of the cloud says of a room and cannot have decided, and logs it as the other one does. */
export function createRefusedWordsReporter(deps: RejectionDeps): Reporter {
  return reporter(
    deps,
    'watershed_room_words_refused_total',
    'What other nodes said of rooms and was not believed, by reason.',
    'what a node says of a room is not believed: it lies, or is broken',
  );
}

function reporter({ logger, metrics }: RejectionDeps, name: string, help: string, message: string): Reporter {
  const counter = new Counter({ name, help, labelNames: ['reason'], registers: [metrics] });
  const logged = new Map<string, string>();
  return ({ id, datacenter, reason }) => {
    counter.inc({ reason });
    const node = `${datacenter}/${id}`.slice(0, 128);
    if (logged.get(node) === reason || (logged.size >= MOST_LOGGED && !logged.has(node))) return;
    logged.set(node, reason);
    logger.warn({ rejected: node, reason }, message);
  };
}
