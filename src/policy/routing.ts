import { allowedByNumber } from './allowed.ts';
import type { CompiledPolicy, CompiledRoute } from './compile.ts';
import { hash32, mix32, SEEDS } from './hash.ts';
import type { Label } from './model.ts';

/** Whether a datacenter can take a session now: up, not draining, not full. It orders and filters; never widens. */
export type Live = (datacenter: string) => boolean;

/** Datacenters to try: the primaries in the route's order, then two secondaries. */
export interface SeatList {
  readonly primaries: readonly string[];
  readonly secondaries: readonly string[];
}

/**
 * The datacenters a session may try now: of its home's route, those allowed for the label and alive. The two
 * secondaries are the best of those listed, allowed and alive by weighted rendezvous hashing of the token's
 * `jti`, so the same question has the same answer at every node; where fewer are left, all of them.
 */
export function route(p: CompiledPolicy, label: Label, live: Live, jti: string): SeatList {
  const may = allowedByNumber(p, label);
  return listOf(p, label.home, (d, name) => may(d) && live(name), jti);
}

/** As `route`, for those datacenters of the home's route that `may` accepts. */
export function routeWithin(p: CompiledPolicy, home: string, may: Live, jti: string): SeatList {
  return listOf(p, home, (_, name) => may(name), jti);
}

/** Accepts a datacenter by number and name. */
type Accept = (datacenter: number, name: string) => boolean;

function listOf(p: CompiledPolicy, home: string, may: Accept, jti: string): SeatList {
  const listed = p.routes.get(home);
  if (listed === undefined) return { primaries: [], secondaries: [] };
  const primaries: string[] = [];
  for (const d of listed.primaries) {
    const name = p.datacenterNames[d];
    if (name !== undefined && may(d, name)) primaries.push(name);
  }
  return { primaries, secondaries: draw(p, listed, may, jti) };
}

/** The two best scores among those that `may` accepts, best first; of equals the one listed first. */
function draw(
  p: CompiledPolicy,
  { secondaries, uniform }: CompiledRoute,
  may: Accept,
  jti: string,
): string[] {
  const high = hash32(jti, SEEDS[0]);
  const low = hash32(jti, SEEDS[1]);
  const drawn: string[] = [];
  // The scores of drawn[0] and drawn[1]; no real score is below 0.
  let best = -1;
  let next = -1;
  for (let i = 0; i < secondaries.length; i++) {
    const d = secondaries[i] ?? 0;
    const hash = hash52(high ^ (p.siteHashes[2 * d] ?? 0), low ^ (p.siteHashes[2 * d + 1] ?? 0));
    // The score rises with the hash: among equal weights the hash alone tells which is better.
    const mine = uniform ? hash : rank(hash, p.weights[d] ?? 1);
    // Whoever cannot be drawn need not be asked about: the order of the two questions changes nothing.
    if (mine <= next) continue;
    const name = p.datacenterNames[d];
    if (name === undefined || !may(d, name)) continue;
    if (mine > best) {
      if (drawn[0] !== undefined) drawn[1] = drawn[0];
      drawn[0] = name;
      next = best;
      best = mine;
    } else {
      drawn[1] = name;
      next = mine;
    }
  }
  return drawn;
}

/**
 * Weighted rendezvous score of a name for a key, weight / -ln(u), where u in (0, 1) is made of 52 bits that hash
 * both: over many keys a name with twice the weight comes first twice as often, and one that comes or goes
 * disturbs no other's rank. Each half of the hash is mix32(hash32(key) xor hash32(name)) with its own seed.
 */
export function score(key: string, name: string, weight: number): number {
  const [high, low] = SEEDS;
  return rank(hash52(hash32(key, high) ^ hash32(name, high), hash32(key, low) ^ hash32(name, low)), weight);
}

/** 52 bits of the two halves. */
function hash52(high: number, low: number): number {
  return (mix32(high) >>> 6) * 2 ** 26 + (mix32(low) >>> 6);
}

function rank(hash: number, weight: number): number {
  return weight / -Math.log((hash + 0.5) / 2 ** 52);
}
