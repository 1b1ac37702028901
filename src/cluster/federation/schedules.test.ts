import fc from 'fast-check';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { randomFrom } from '../../../loadtest/measure/random.ts';
import { Play, schedule } from './testing/schedule.ts';
import { World } from './testing/world.ts';

/**
 * T2 for what nodes tell each other, sampled: whatever is joined, left, moved, said, relabelled, narrowed, cut, killed,
 * forgotten or forged, in whatever order, and by whatever policy each node runs, nothing of anybody (a name, a word, a
 * hash, an act) is said to a node, or kept by one, whose datacenter their label does not admit them to; and when things
 * have calmed down, everyone who may be known is.
 */
const SCHEDULES = Number(process.env.WATERSHED_SCHEDULES ?? 4000);
const SEED = Number(process.env.WATERSHED_SCHEDULES_SEED ?? 2020);

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

it('nobody is ever known where they may not be; at rest, everyone is known who may be', async () => {
  await fc.assert(
    fc.asyncProperty(schedule, async ({ namesake, steps }) => {
      const play = new Play(namesake);
      const { world } = play;
      try {
        for (const one of steps) {
          await play.take(one);
          expect(world.leaks()).toEqual([]);
        }
        play.rest();
        for (let n = 0; n < 40; n++) {
          await vi.advanceTimersByTimeAsync(500);
          expect(world.leaks()).toEqual([]);
        }
        expect(world.disagreements()).toEqual([]);
      } finally {
        world.close();
      }
    }),
    { numRuns: SCHEDULES, seed: SEED },
  );
}, 3_600_000);

it('three hundred over three nodes agree again once links that dropped are back; nobody is left over', async () => {
  const sites = ['sjc', 'iad', 'fra'];
  const world = new World(sites);
  const random = randomFrom(300);
  const at = () => sites[Math.floor(random() * sites.length)] ?? 'sjc';
  const homeOf = (site: string) => (site === 'fra' ? 'eu' : 'us');
  const here = new Map<string, string>();
  try {
    for (let n = 0; n < 300; n += 1) {
      const site = at();
      void world.enter(`p${n}`, homeOf(site), site);
      here.set(`p${n}`, site);
      if (n % 10 === 0) await vi.advanceTimersByTimeAsync(50);
    }
    await vi.advanceTimersByTimeAsync(10_000);
    for (let round = 0; round < 6; round += 1) {
      const [a, b] = [at(), at()];
      if (a !== b) world.cut(a, b);
      // People come and go while nodes cannot tell each other.
      for (const [peer, site] of [...here].filter(() => random() < 0.1)) {
        world.leave(peer, site);
        here.delete(peer);
        const next = `${peer}r${round}`;
        void world.enter(next, homeOf(site), site);
        here.set(next, site);
      }
      await vi.advanceTimersByTimeAsync(Math.floor(random() * 25_000));
      world.network.mend();
      await vi.advanceTimersByTimeAsync(Math.floor(random() * 5000));
    }
    await vi.advanceTimersByTimeAsync(30_000);
    for (const site of sites) expect(world.seenAt(site)).toEqual([...here.keys()].sort());
  } finally {
    world.close();
  }
}, 60_000);
