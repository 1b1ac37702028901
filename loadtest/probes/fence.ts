import type { Policy } from '../../src/policy/model.ts';

/**
 * What the policy's file forbids, as the design's section 3 words it. Written from that, and not over
 * `src/policy/allowed.ts`, which is what the nodes decide by: a judge must not share the mistake of the judged.
 */

/** Whether the datacenter lies outside the fences of a client region: whoever is admitted there broke them. */
export function isFencedOff(policy: Policy, client: string, datacenter: string): boolean {
  const site = policy.datacenters.get(datacenter);
  const home = policy.regions.get(client);
  const there = site === undefined ? undefined : policy.regions.get(site.region);
  if (site === undefined || home === undefined || there === undefined) return true;
  if (policy.closed.includes(datacenter)) return true;
  if (home.confined && site.region !== client) return true;
  return there.admits !== 'any' && !there.admits.includes(client);
}

/**
 * Whether a token that claims one region, used from an address of another (null: of a country that no region lists),
 * must be refused there: an address never opens what the claim does not, and the claim never what the address does
 * not (`conflict: both`), or nothing is open at all (`refuse`).
 */
export function isForbiddenFrom(
  policy: Policy,
  claim: string,
  address: string | null,
  datacenter: string,
): boolean {
  if (isFencedOff(policy, claim, datacenter)) return true;
  if (address === claim) return false;
  if (policy.conflict === 'refuse') return true;
  return address !== null && isFencedOff(policy, address, datacenter);
}

/** Whether clients of the region may sit there: inside the fences, and named by their route. */
export function isSeatOf(policy: Policy, client: string, datacenter: string): boolean {
  const route = policy.routes.get(client);
  const named = [...(route?.primaries ?? []), ...(route?.secondaries ?? [])];
  return named.includes(datacenter) && !isFencedOff(policy, client, datacenter);
}
