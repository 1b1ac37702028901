import { allowedForLabel } from './allowed.ts';
import type { CompiledPolicy } from './compile.ts';
import type { Label } from './model.ts';

/** Whether a datacenter can take a session now: up, not draining, not full. It orders and filters; never widens. */
export type Live = (datacenter: string) => boolean;

/** Datacenters to try: the primaries in the route's order, then two secondaries. */
export interface SeatList {
  readonly primaries: readonly string[];
  readonly secondaries: readonly string[];
}

/** How many secondaries a session is told of. */
export const SECONDARIES = 2;

/**
 * The datacenters a session may try now: of its home's route, those allowed for the label and alive. The two
 * secondaries are the best of those listed, allowed and alive by weighted rendezvous hashing of the token's
 * `jti`, so the same question has the same answer at every node; where fewer are left, all of them.
 */
export function route(p: CompiledPolicy, label: Label, live: Live, jti: string): SeatList {
  return routeWithin(p, label.home, (d) => allowedForLabel(p, label, d) && live(d), jti);
}

/** As `route`, for those datacenters of the home's route that `may` accepts. */
export function routeWithin(p: CompiledPolicy, home: string, may: Live, jti: string): SeatList {
  const listed = p.policy.routes.get(home);
  if (listed === undefined) return { primaries: [], secondaries: [] };
  return {
    primaries: listed.primaries.filter(may),
    secondaries: draw(p, listed.secondaries.filter(may), jti),
  };
}

/** The `SECONDARIES` highest scores, highest first; ties by name. */
function draw(p: CompiledPolicy, candidates: readonly string[], jti: string): string[] {
  return candidates
    .map((name) => ({ name, score: score(jti, name, p.policy.datacenters.get(name)?.weight ?? 1) }))
    .sort((a, b) => b.score - a.score || (a.name < b.name ? -1 : 1))
    .slice(0, SECONDARIES)
    .map(({ name }) => name);
}

/**
 * Weighted rendezvous score, weight / -ln(u), where u in (0, 1) is made of 52 bits of hash of `jti`, a zero
 * byte and the datacenter's name, by their UTF-16 code units: over time a datacenter with twice the weight is drawn first twice as often, and
 * one that comes or goes disturbs no other's rank.
 */
export function score(jti: string, datacenter: string, weight: number): number {
  const key = `${jti}\u0000${datacenter}`;
  const high = hash32(key, 0x9747b28c) >>> 6;
  const low = hash32(key, 0x85ebca6b) >>> 6;
  return weight / -Math.log((high * 2 ** 26 + low + 0.5) / 2 ** 52);
}

/** MurmurHash3 x86 32-bit mixing, one UTF-16 code unit a round. Not for secrets. */
function hash32(text: string, seed: number): number {
  let h = seed;
  for (let i = 0; i < text.length; i++) {
    let k = Math.imul(text.charCodeAt(i), 0xcc9e2d51);
    k = (k << 15) | (k >>> 17);
    h ^= Math.imul(k, 0x1b873593);
    h = (h << 13) | (h >>> 19);
    h = (Math.imul(h, 5) + 0xe6546b64) | 0;
  }
  h ^= text.length;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
