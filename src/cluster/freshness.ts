import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { LinkTarget } from '../links/types.ts';
import { nodeKey } from '../policy/node-key.ts';
import type { Call, NodeRecord, NodeRef } from '../registry/port.ts';
import { HEARTBEAT_MS, LEASE_MS } from './heartbeat.ts';
import { withTimeout } from './with-timeout.ts';

/** Which of a node's announcements: its start, and its number since then. */
export const stampSchema = z.object({ epoch: z.int().nonnegative(), sequence: z.int().nonnegative() });
export type Stamp = z.infer<typeof stampSchema>;

/**
 * `record_unconfirmed`: its node could not be asked, and it repeats nothing of what was called since; `record_stale`: it has stood
 * still for longer than a lease; `record_outdated`: its node says that it has announced others since.
 */
export type FreshnessFault = 'record_unconfirmed' | 'record_stale' | 'record_outdated';

/** Tells the records of nodes that are there from signed records of nodes that were, written again by somebody. */
export interface Freshness {
  /**
   * Null: believe it. The first record that is seen of a node is believed once the node itself has confirmed it, or,
   * where it cannot be reached, once its records repeat what was called by way of the registry: whoever kept a dead
   * node's records cannot have one that does. In bounded time; never rejects.
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
  /** Has the nodes of a datacenter repeat a call in their records. Rejects where the registry is not reached. */
  readonly call: (datacenter: string, call: Call) => Promise<void>;
  /** Monotonic, in ms. */
  readonly now?: () => number;
}

/** How long a node is given to answer, in ms; and until it is asked again. */
export const ASK_MS = 1000;
const ASK_AGAIN_MS = LEASE_MS;
/** A record that stands still for so long is nobody's: its lease ended before. In ms. */
export const STALE_MS = LEASE_MS + HEARTBEAT_MS;
/** A call is repeated within two heartbeats; until then another would only displace it. In ms. */
const CALL_AGAIN_MS = 2 * LEASE_MS;

interface Known {
  stamp: Stamp;
  /** When the stamp was seen first, monotonic ms. */
  since: number;
  confirmed: boolean;
  askedAt: number;
  asking: Promise<void> | null;
}

/** No two clocks are compared: everything is counted from what this node has seen, by its own. */
export function createFreshness(deps: FreshnessDeps): Freshness {
  const { own, ask, now = () => performance.now() } = deps;
  /** By datacenter and node: only what enrolled nodes have signed comes here, so it is bounded by these. */
  const known = new Map<string, Known>();
  /** What was called last, by datacenter: of a policy's, so it is bounded by these. */
  const calls = new Map<string, { call: Call; at: number }>();

  const call = async (datacenter: string): Promise<void> => {
    const last = calls.get(datacenter);
    if (last !== undefined && now() - last.at < CALL_AGAIN_MS) return;
    const made = { call: randomBytes(16).toString('base64url'), at: now() };
    calls.set(datacenter, made);
    await deps.call(datacenter, made.call);
  };

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
    }
    before.confirmed ||= record.calls.includes(calls.get(record.datacenter)?.call ?? '');
    return before;
  };

  const confirm = async (entry: Known, { id, datacenter, link }: NodeRecord): Promise<void> => {
    entry.askedAt = now();
    try {
      if (link === null) throw new Error('it has no listener for links');
      const said = await withTimeout(ask({ id, datacenter, link }), ASK_MS, 'the node');
      // It may have announced once more since its record was read.
      const floor = { epoch: said.epoch, sequence: Math.max(0, said.sequence - 1) };
      if (isLater(floor, entry.stamp)) entry.stamp = floor;
      entry.confirmed = true;
    } catch {
      // Its records tell, by what they repeat.
      await withTimeout(call(datacenter), ASK_MS, 'the registry').catch(() => calls.delete(datacenter));
    }
  };

  return {
    async judge(record) {
      if (nodeKey(record) === nodeKey(own)) return null;
      const entry = see(record);
      if (!entry.confirmed && (entry.asking || now() - entry.askedAt >= ASK_AGAIN_MS)) {
        entry.asking ??= confirm(entry, record).finally(() => {
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
