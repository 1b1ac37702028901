import { z } from 'zod';
import type { LinkTarget } from '../links/types.ts';
import { nodeKey } from '../policy/node-key.ts';
import type { NodeRecord, NodeRef } from '../registry/port.ts';
import { HEARTBEAT_MS, LEASE_MS } from './heartbeat.ts';
import { withTimeout } from './with-timeout.ts';

/** Which of a node's announcements: its start, and its number since then. */
export const stampSchema = z.object({ epoch: z.int().nonnegative(), sequence: z.int().nonnegative() });
export type Stamp = z.infer<typeof stampSchema>;

/**
 * `record_unconfirmed`: the first that is seen of its node, which could not be asked; `record_stale`: it has stood
 * still for longer than a lease; `record_outdated`: its node says that it has announced others since.
 */
export type FreshnessFault = 'record_unconfirmed' | 'record_stale' | 'record_outdated';

/** Tells the records of nodes that are there from signed records of nodes that were, written again by somebody. */
export interface Freshness {
  /**
   * Null: believe it. The first record that is seen of a node is believed once the node itself has confirmed it, or,
   * where it cannot be reached, once its records go on. In bounded time; never rejects.
   */
  judge(record: NodeRecord): Promise<FreshnessFault | null>;
  /** The same without asking: for who is about to speak with the node, and sees then that it is there. */
  stale(record: NodeRecord): boolean;
}

export interface FreshnessDeps {
  /** This node, which need not be asked. */
  readonly own: NodeRef;
  /** A node's newest announcement, by its own word over an authenticated link. Rejects where it cannot be asked. */
  readonly ask: (node: LinkTarget) => Promise<Stamp>;
  /** Monotonic, in ms. */
  readonly now?: () => number;
}

/** How long a node is given to answer, in ms; and until it is asked again. */
export const ASK_MS = 1000;
const ASK_AGAIN_MS = LEASE_MS;
/** A record that stands still for so long is nobody's: its lease ended before. In ms. */
export const STALE_MS = LEASE_MS + HEARTBEAT_MS;

interface Known {
  stamp: Stamp;
  /** When the stamp was seen first, monotonic ms. */
  since: number;
  confirmed: boolean;
  askedAt: number;
  asking: Promise<void> | null;
}

/** No two clocks are compared: everything is counted from what this node has seen, by its own. */
export function createFreshness({ own, ask, now = () => performance.now() }: FreshnessDeps): Freshness {
  /** By datacenter and node: only what enrolled nodes have signed comes here, so it is bounded by these. */
  const known = new Map<string, Known>();

  const see = (record: NodeRecord): Known => {
    const { epoch, sequence } = record;
    const key = nodeKey(record);
    const before = known.get(key);
    if (before === undefined) {
      const first = { stamp: { epoch, sequence }, since: now(), confirmed: false, askedAt: -Infinity };
      const entry: Known = { ...first, asking: null };
      known.set(key, entry);
      return entry;
    }
    if (isLater(record, before.stamp)) {
      before.stamp = { epoch, sequence };
      before.since = now();
      // Somebody who writes a dead node's last record has no later one. A run of them that was kept can be played,
      // once and no longer. To close that, records that go on would have to count for nothing while their node cannot
      // be asked: a node that starts while datacenters are cut from each other would list none of the others, though
      // clients reach them. What a played run costs is a try at a node that does not answer.
      before.confirmed = true;
    }
    return before;
  };

  const confirm = async (entry: Known, record: NodeRecord, link: string): Promise<void> => {
    entry.askedAt = now();
    try {
      const { id, datacenter } = record;
      const said = await withTimeout(ask({ id, datacenter, link }), ASK_MS, 'the node');
      // It may have announced once more since its record was read.
      const floor = { epoch: said.epoch, sequence: Math.max(0, said.sequence - 1) };
      if (isLater(floor, entry.stamp)) entry.stamp = floor;
      entry.confirmed = true;
    } catch {
      // Its records tell, when they go on.
    }
  };

  return {
    async judge(record) {
      if (nodeKey(record) === nodeKey(own)) return null;
      const entry = see(record);
      const { link } = record;
      if (!entry.confirmed && link !== null && (entry.asking || now() - entry.askedAt >= ASK_AGAIN_MS)) {
        entry.asking ??= confirm(entry, record, link).finally(() => {
          entry.asking = null;
        });
        await entry.asking;
      }
      if (isLater(entry.stamp, record)) return 'record_outdated';
      if (!entry.confirmed) return 'record_unconfirmed';
      return now() - entry.since > STALE_MS ? 'record_stale' : null;
    },
    stale(record) {
      const entry = see(record);
      return isLater(entry.stamp, record) || now() - entry.since > STALE_MS;
    },
  };
}

function isLater(a: Stamp, b: Stamp): boolean {
  return a.epoch > b.epoch || (a.epoch === b.epoch && a.sequence > b.sequence);
}
