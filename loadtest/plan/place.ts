import type { Policy } from '../../src/policy/model.ts';
import { isSeatOf } from '../probes/fence.ts';

/** Participants by datacenter, and those who have nowhere to go. */
export interface Placement {
  readonly seats: ReadonlyMap<string, number>;
  readonly unserved: number;
}

/**
 * Where the participants of each home region sit with some datacenters down: evenly over the primaries that are up,
 * else evenly over the secondaries that are up, and never anywhere else.
 */
export function place(
  policy: Policy,
  participants: ReadonlyMap<string, number>,
  down: ReadonlySet<string> = new Set(),
): Placement {
  const seats = new Map<string, number>();
  let unserved = 0;
  for (const [region, people] of participants) {
    const route = policy.routes.get(region);
    const up = (names: readonly string[]): string[] =>
      names.filter((name) => !down.has(name) && isSeatOf(policy, region, name));
    const primaries = up(route?.primaries ?? []);
    const chosen = primaries.length > 0 ? primaries : up(route?.secondaries ?? []);
    if (chosen.length === 0) unserved += people;
    for (const name of chosen) seats.set(name, (seats.get(name) ?? 0) + people / chosen.length);
  }
  return { seats, unserved };
}

export interface Failure {
  /** The datacenter that fails, and its region. */
  readonly datacenter: string;
  readonly region: string;
  readonly placement: Placement;
}

/** What is left when one datacenter fails: each that serves anybody, in turn, the largest among them. */
export function failures(policy: Policy, participants: ReadonlyMap<string, number>): Failure[] {
  const { seats } = place(policy, participants);
  return [...policy.datacenters.values()]
    .filter(({ name }) => seats.has(name))
    .map(({ name, region }) => ({
      datacenter: name,
      region,
      placement: place(policy, participants, new Set([name])),
    }));
}

/** `{ us: 2, eu: 1 }` of so many: each region's share, rounded up. */
export function shares(mix: ReadonlyMap<string, number>, participants: number): Map<string, number> {
  const total = [...mix.values()].reduce((sum, weight) => sum + weight, 0);
  return new Map([...mix].map(([region, weight]) => [region, Math.ceil((participants * weight) / total)]));
}
