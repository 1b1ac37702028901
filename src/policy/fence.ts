import type { Path, Policy, Region } from './model.ts';

/** What decided whether a datacenter is allowed for a client region; a closed set. */
export type FenceRule = 'admits' | 'confined' | 'closed' | 'unknown-region' | 'unknown-datacenter';

export interface FenceJudgement {
  readonly allowed: boolean;
  readonly rule: FenceRule;
}

const ADMITTED: FenceJudgement = { allowed: true, rule: 'admits' };
const NOT_ADMITTED: FenceJudgement = { allowed: false, rule: 'admits' };
const CONFINED: FenceJudgement = { allowed: false, rule: 'confined' };
const CLOSED: FenceJudgement = { allowed: false, rule: 'closed' };
const UNKNOWN_REGION: FenceJudgement = { allowed: false, rule: 'unknown-region' };
const UNKNOWN_DATACENTER: FenceJudgement = { allowed: false, rule: 'unknown-datacenter' };

/**
 * The fences between a client region and a datacenter's region: the only definition. Everything else looks names
 * up and asks this, the compiled table too.
 */
export function fenceBetween(client: Region, around: Region): FenceJudgement {
  if (around.admits !== 'any' && !around.admits.includes(client.name)) return NOT_ADMITTED;
  if (client.confined && around.name !== client.name) return CONFINED;
  return ADMITTED;
}

/**
 * F(c): whether the fences alone admit clients of region `client` to `datacenter`. Total: unknown names are never
 * admitted.
 */
export function fence(policy: Policy, client: string, datacenter: string): FenceJudgement {
  const region = policy.regions.get(client);
  if (region === undefined) return UNKNOWN_REGION;
  const site = policy.datacenters.get(datacenter);
  if (site === undefined) return UNKNOWN_DATACENTER;
  const around = policy.regions.get(site.region);
  return around === undefined ? UNKNOWN_REGION : fenceBetween(region, around);
}

/** A(c): the fences, and the emergency brake. */
export function judge(policy: Policy, client: string, datacenter: string): FenceJudgement {
  const judgement = fence(policy, client, datacenter);
  return judgement.allowed && policy.closed.includes(datacenter) ? CLOSED : judgement;
}

/** The judgement as a sentence, and where in the policy the rule stands. */
export function tell(
  policy: Policy,
  client: string,
  datacenter: string,
  { allowed, rule }: FenceJudgement,
): { readonly message: string; readonly path: Path } {
  const around = policy.datacenters.get(datacenter)?.region ?? '';
  const admits = policy.regions.get(around)?.admits ?? [];
  const listed = admits === 'any' ? 'any region' : `only [${admits.join(', ')}]`;
  switch (rule) {
    case 'admits':
      return allowed
        ? {
            message: `${datacenter} is in ${around}, which admits ${admits === 'any' ? 'any region' : client}`,
            path: ['regions', around, 'admits'],
          }
        : {
            message: `${datacenter} is in ${around}, and ${around} admits ${listed}`,
            path: ['regions', around, 'admits'],
          };
    case 'confined':
      return {
        message: `${client} is confined to its own datacenters, and ${datacenter} is in ${around}`,
        path: ['regions', client, 'confined'],
      };
    case 'closed':
      return { message: `${datacenter} is closed`, path: ['closed', policy.closed.indexOf(datacenter)] };
    case 'unknown-region':
      return { message: `the policy defines no region "${client}"`, path: ['regions'] };
    case 'unknown-datacenter':
      return { message: `the policy defines no datacenter "${datacenter}"`, path: ['datacenters'] };
  }
}
