import { Counter, type Registry as MetricsRegistry } from 'prom-client';
import type { RejectedNode } from './roster.ts';

/** Names that are remembered, and so logged, at most: whoever fills the registry with rubbish is only counted. */
const MOST_LOGGED = 1000;

export interface RejectionDeps {
  readonly logger: { warn(fields: object, message: string): void };
  readonly metrics: MetricsRegistry;
}

/** Counts every rejected record that is read, and logs each node once for each reason that follows another. */
export function createRejectionReporter({ logger, metrics }: RejectionDeps): (node: RejectedNode) => void {
  const counter = new Counter({
    name: 'watershed_registry_records_rejected_total',
    help: 'Node records in the registry that were not believed, by reason, each time that one was read.',
    labelNames: ['reason'],
    registers: [metrics],
  });
  const logged = new Map<string, string>();
  return ({ id, datacenter, reason }) => {
    counter.inc({ reason });
    const name = `${datacenter}/${id}`.slice(0, 128);
    if (logged.get(name) === reason || (logged.size >= MOST_LOGGED && !logged.has(name))) return;
    logged.set(name, reason);
    logger.warn({ rejected: name, reason }, "a node's record is not believed: nobody is sent there");
  };
}
