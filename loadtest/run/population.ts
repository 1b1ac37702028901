import type { Scenario } from '../scenario/load.ts';
import type { Publishing, Subscribing } from '../scenario/schema.ts';

/** One person of a scenario, in or out at any moment. */
export interface Person {
  readonly index: number;
  /** Number of the group: each group comes in by its own share. */
  readonly group: number;
  readonly room: string;
  readonly region: string;
  readonly publish: readonly Publishing[];
  readonly subscribe: Subscribing;
  readonly talks: number;
}

/** Everybody, room by room. `run` keeps the rooms of two runs apart. */
export function populationOf({ rooms }: Pick<Scenario, 'rooms'>, run: string): Person[] {
  const people: Person[] = [];
  let group = 0;
  for (const { name, count, members } of rooms) {
    for (let copy = 1; copy <= count; copy += 1) {
      const room = `lt-${run}-${name}${count === 1 ? '' : `-${copy}`}`;
      for (const { count: size, region, publish, subscribe, talks } of members) {
        for (const home of spread(region, size))
          people.push({ index: people.length, group, room, region: home, publish, subscribe, talks });
        group += 1;
      }
    }
  }
  return people;
}

/** Regions in turn, as often as their weights say (largest deficit first), so that any prefix is a fair mix. */
function spread(region: string | Readonly<Record<string, number>>, count: number): string[] {
  if (typeof region === 'string') return Array.from({ length: count }, () => region);
  const weights = Object.entries(region);
  const total = weights.reduce((sum, [, weight]) => sum + weight, 0);
  const given = new Map(weights.map(([name]) => [name, 0]));
  return Array.from({ length: count }, (_, index) => {
    const deficit = ([name, weight]: [string, number]): number =>
      ((index + 1) * weight) / total - (given.get(name) ?? 0);
    const next = weights.reduce((best, entry) => (deficit(entry) > deficit(best) ? entry : best));
    given.set(next[0], (given.get(next[0]) ?? 0) + 1);
    return next[0];
  });
}
