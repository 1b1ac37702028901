import type { RecordFault, RecordSealer } from '../identity/sealer.ts';
import type { CompiledPolicy } from '../policy/compile.ts';
import type { NodeEntry, NodeRecord, NodeRef, Registry } from '../registry/port.ts';
import type { Freshness, FreshnessFault } from './freshness.ts';
import { belongs, linkBelongs } from './site.ts';

/** `record_url`, `record_link`: what it is reached at is not its datacenter's. */
export type RosterFault =
  | RecordFault
  | FreshnessFault
  | 'record_url'
  | 'record_link'
  | 'record_unknown_datacenter';

export interface RejectedNode extends NodeRef {
  readonly reason: RosterFault;
}

export interface RosterReading {
  /** In the registry's order: by datacenter, the less loaded first. */
  readonly nodes: readonly NodeRecord[];
  readonly rejected: readonly RejectedNode[];
}

/** The nodes of the cloud as the registry has them, verified: what does not verify is nobody's list or target. */
export interface Roster {
  /** Nodes of these datacenters, at most as old as `CACHE_MS`. Rejects with `registry_unavailable`. */
  read(p: CompiledPolicy, datacenters: readonly string[]): Promise<RosterReading>;
  /** These nodes, as far as they are registered; not from the cache. Rejects with `registry_unavailable`. */
  find(p: CompiledPolicy, nodes: readonly NodeRef[]): Promise<RosterReading>;
}

export interface RosterDeps {
  readonly registry: Pick<Registry, 'nodes' | 'find'>;
  readonly sealer: Pick<RecordSealer, 'open'>;
  /** None where nobody else can write to the registry. */
  readonly freshness?: Freshness;
  /** Told of every record that is rejected, each time that it is read from the registry. */
  readonly onRejected?: (node: RejectedNode) => void;
  /** Monotonic, in ms. */
  readonly now?: () => number;
}

/** How old an answer may be, in ms: many questions of one moment cost one reading. */
export const CACHE_MS = 500;

interface Cached {
  readonly at: number;
  readonly policy: CompiledPolicy;
  readonly reading: Promise<RosterReading>;
}

export function createRoster(deps: RosterDeps): Roster {
  const { registry, sealer, freshness, onRejected, now = () => performance.now() } = deps;
  /** By datacenter, of the policy: bounded by it. */
  const cache = new Map<string, Cached>();

  /** `isFresh`: what is wrong with a record that verifies, if not all that verify are to be believed. */
  const judge = async (
    p: CompiledPolicy,
    entries: readonly NodeEntry[],
    isFresh: (record: NodeRecord) => Promise<FreshnessFault | null> | FreshnessFault | null,
  ): Promise<RosterReading> => {
    const nodes: NodeRecord[] = [];
    const rejected: RejectedNode[] = [];
    const judged = await Promise.all(
      entries.map(async (entry) => {
        const opened = sealer.open(entry);
        const fault = opened.ok ? faultOf(p, opened.record) : opened.reason;
        return { entry, opened, reason: opened.ok && fault === null ? await isFresh(opened.record) : fault };
      }),
    );
    for (const { entry, opened, reason } of judged) {
      if (opened.ok && reason === null) nodes.push(opened.record);
      else if (reason !== null) rejected.push({ id: entry.id, datacenter: entry.datacenter, reason });
    }
    for (const node of rejected) onRejected?.(node);
    return { nodes, rejected };
  };

  /** Asks for all that is not cached in one question. */
  const refresh = (p: CompiledPolicy, datacenters: readonly string[], at: number): void => {
    const asked = registry.nodes(datacenters);
    for (const datacenter of datacenters) {
      const reading = asked.then((entries) =>
        judge(
          p,
          entries.filter((entry) => entry.datacenter === datacenter),
          (record) => freshness?.judge(record) ?? null,
        ),
      );
      const cached = { at, policy: p, reading };
      cache.set(datacenter, cached);
      // A failure is everyone's who waits for it, and not kept.
      reading.catch(() => {
        if (cache.get(datacenter) === cached) cache.delete(datacenter);
      });
    }
  };

  return {
    async read(p, datacenters) {
      const known = [...new Set(datacenters)].filter((datacenter) => p.policy.datacenters.has(datacenter));
      const at = now();
      const missing = known.filter((datacenter) => {
        const cached = cache.get(datacenter);
        return cached === undefined || cached.policy !== p || at - cached.at >= CACHE_MS;
      });
      if (missing.length > 0) refresh(p, missing, at);
      const readings = await Promise.all(known.map((datacenter) => cache.get(datacenter)?.reading));
      return {
        nodes: readings.flatMap((reading) => reading?.nodes ?? []),
        rejected: readings.flatMap((reading) => reading?.rejected ?? []),
      };
    },
    // Whoever asks for a node is about to speak with it, and sees whether it is there.
    find: async (p, nodes) =>
      judge(p, await registry.find(nodes), (record) => (freshness?.stale(record) ? 'record_stale' : null)),
  };
}

/** Why the cloud sends nobody to a node by its record, whoever signed it; null where it does. */
export function faultOf(
  p: CompiledPolicy,
  { datacenter, url, link }: Pick<NodeRecord, 'datacenter' | 'url' | 'link'>,
): 'record_url' | 'record_link' | 'record_unknown_datacenter' | null {
  if (!p.policy.datacenters.has(datacenter)) return 'record_unknown_datacenter';
  if (!belongs(p, datacenter, url)) return 'record_url';
  return link !== null && !linkBelongs(p, datacenter, link) ? 'record_link' : null;
}
