import { digestOf } from './digest.ts';
import { fence } from './fence.ts';
import type { Admits, Fault, Policy, Position, Positions, Route } from './model.ts';

/** A policy and where its parts stand: what can be checked and told about. */
export interface Sited {
  readonly policy: Policy;
  readonly positions: Positions;
}

/** A counterexample to T1: a schedule of failures that leads a client outside its fences. */
export interface Violation extends Fault {
  readonly code: 'admits' | 'confined' | 'shared';
  /** Client region, or null where two clouds share something. */
  readonly client: string | null;
  readonly datacenter: string;
  readonly list: 'primaries' | 'secondaries' | null;
  /** Datacenters that have to be down before the client tries this one. */
  readonly down: readonly string[];
  /** Where the fence stands (or the other cloud's entry, which may be in another file). */
  readonly fence: Position & { readonly file: string };
}

/** One step of the proof: this entry of a route is in F(client), because of this. */
export interface Fact {
  readonly client: string;
  readonly datacenter: string;
  readonly list: 'primaries' | 'secondaries';
  readonly region: string;
  /** What the datacenter's region admits: `any`, or the list that has the client in it. */
  readonly admits: string;
  /** Whether the client's region is confined: then `region` is the client's own. */
  readonly confined: boolean;
}

/** What was proved, and from what: anyone can check each fact against the document by eye. */
export interface Certificate {
  readonly theorem: 'T1';
  readonly lemma: string;
  readonly cloud: string;
  readonly version: number;
  /** Digest of the policy that the facts are of. */
  readonly policy: string;
  readonly facts: readonly Fact[];
}

export type Proof =
  | { readonly holds: true; readonly certificate: Certificate }
  | { readonly holds: false; readonly violations: readonly Violation[] };

const LEMMA = 'for every client region c, primaries(c) and secondaries(c) are within F(c)';

/**
 * Theorem T1 about the file, with every run-time guard off: in no schedule of failures, recoveries, draws and
 * redirects does a client try a datacenter outside F(its region). A client only ever tries entries of its own
 * route, and each entry is tried in some schedule (those before it down, and drawn); so the theorem holds exactly
 * when every entry is in F, which is what is computed.
 */
export function check({ policy, positions }: Sited): Proof {
  const violations: Violation[] = [];
  const facts: Fact[] = [];
  for (const route of policy.routes.values()) {
    for (const list of ['primaries', 'secondaries'] as const) {
      for (const [index, datacenter] of route[list].entries()) {
        const { allowed, rule } = fence(policy, route.region, datacenter);
        if (allowed) facts.push(factOf(policy, route.region, list, datacenter));
        else violations.push(violationOf({ policy, positions }, route, list, index, rule === 'confined'));
      }
    }
  }
  if (violations.length > 0) return { holds: false, violations };
  const { cloud, version } = policy;
  return {
    holds: true,
    certificate: { theorem: 'T1', lemma: LEMMA, cloud, version, policy: digestOf(policy), facts },
  };
}

function factOf(policy: Policy, client: string, list: Fact['list'], datacenter: string): Fact {
  const region = policy.datacenters.get(datacenter)?.region ?? '';
  const admits = policy.regions.get(region)?.admits ?? [];
  return {
    client,
    datacenter,
    list,
    region,
    admits: written(admits),
    confined: policy.regions.get(client)?.confined ?? false,
  };
}

function violationOf(
  { policy, positions }: Sited,
  route: Route,
  list: 'primaries' | 'secondaries',
  index: number,
  confined: boolean,
): Violation {
  const client = route.region;
  const datacenter = route[list][index] ?? '';
  const region = policy.datacenters.get(datacenter)?.region ?? '';
  const entry = positions.value(['routes', client, list, index]);
  const at = positions.key(confined ? ['regions', client, 'confined'] : ['regions', region, 'admits']);
  const down = list === 'primaries' ? route.primaries.slice(0, index) : route.primaries;
  const steps = [
    `${client} client`,
    ...(down.length > 0 ? [`${down.join(', ')} unreachable`] : []),
    `${list === 'primaries' ? 'primary' : 'secondary'} ${datacenter} (${place(positions.file, entry)})`,
  ];
  const admits = policy.regions.get(region)?.admits ?? [];
  const barrier = confined
    ? `${client} is confined to its own datacenters, and ${datacenter} is in ${region}`
    : `${region} admits only ${written(admits)}`;
  return {
    file: positions.file,
    ...entry,
    code: confined ? 'confined' : 'admits',
    message: `${steps.join(' → ')}, but ${barrier} (${place(positions.file, at)})`,
    client,
    datacenter,
    list,
    down,
    fence: { file: positions.file, ...at },
  };
}

function written(admits: Admits): string {
  return admits === 'any' ? 'any' : `[${admits.join(', ')}]`;
}

/** `FILE:LINE:COL`. */
export function place(file: string, { line, column }: Position): string {
  return `${file}:${line}:${column}`;
}
