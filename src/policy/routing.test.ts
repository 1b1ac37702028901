import { describe, expect, it } from 'vitest';
import { allowedForLabel } from './allowed.ts';
import { type CompiledPolicy, compilePolicy } from './compile.ts';
import type { Datacenter, Label } from './model.ts';
import { route, score } from './routing.ts';
import { compiled, edited, example } from './testing/examples.ts';
import { largePolicy } from './testing/large.ts';

const zoom = example('zoom-2020');
const us: Label = { home: 'us', evidence: ['us'], regions: null };
const up = () => true;
/** A policy whose route of us has these secondaries, with their weights. */
function drawing(secondaries: readonly (readonly [name: string, weight: number])[]): CompiledPolicy {
  const { policy } = zoom;
  const sites = secondaries.map(([name, weight]): [string, Datacenter] => [
    name,
    { name, weight, region: 'eu', url: `wss://${name}.example.net`, key: null, media: [] },
  ]);
  const names = sites.map(([name]) => name);
  return compilePolicy({
    ...policy,
    datacenters: new Map(sites),
    routes: new Map([['us', { region: 'us', primaries: [], secondaries: names }]]),
  });
}

const jtis = Array.from({ length: 400 }, (_, i) => `jti-${i}`);

describe('primaries', () => {
  it('come in the order of the route, without those that are down', () => {
    expect(route(zoom, us, up, 'a').primaries).toEqual(['sjc', 'iad']);
    expect(route(zoom, us, (d) => d !== 'sjc', 'a').primaries).toEqual(['iad']);
  });
});

describe('secondaries', () => {
  it('are exactly two, of those listed, never another', () => {
    for (const jti of jtis) {
      const { secondaries } = route(zoom, us, up, jti);
      expect(secondaries).toHaveLength(2);
      expect(new Set(secondaries).size).toBe(2);
      for (const d of secondaries) expect(['fra', 'ams', 'hkg']).toContain(d);
    }
  });

  it('never China, whatever the route says and whatever is down', () => {
    const february = example('zoom-2020-february');
    for (const jti of jtis) {
      const { secondaries } = route(february, us, (d) => d === 'sha' || d === 'tsn' || d === 'hkg', jti);
      expect(secondaries).toEqual(['hkg']);
    }
  });

  it('are all there are, where there are fewer', () => {
    expect(route(zoom, us, (d) => d === 'fra', 'a').secondaries).toEqual(['fra']);
    expect(route(zoom, us, () => false, 'a')).toEqual({ primaries: [], secondaries: [] });
  });

  it('are the same for the same token, on every node and in every release', () => {
    expect(route(zoom, us, up, 'jti-1').secondaries).toEqual(
      route(example('zoom-2020'), us, up, 'jti-1').secondaries,
    );
    // Fixed values: another hash would send the clients of a running cloud elsewhere.
    expect(score('jti-1', 'fra', 1)).toBeCloseTo(0.25581915270448485, 12);
    expect(score('jti-1', 'hkg', 2)).toBeCloseTo(2.602324275089876, 12);
    // A hash near the greatest, where half a step of it shows.
    expect(score('jti-1', 'dc-25468', 1) / 681_104.294994054).toBeCloseTo(1, 12);
  });

  it('are the two best by score, best first', () => {
    const heavy = compiled(edited('zoom-2020', 'hkg: { region: hk,', 'hkg: { region: hk, weight: 4,'));
    for (const jti of jtis) {
      const ranked = [
        ['fra', 1],
        ['ams', 1],
        ['hkg', 4],
      ] satisfies [string, number][];
      const best = ranked.toSorted(([a, v], [b, w]) => score(jti, b, w) - score(jti, a, v)).slice(0, 2);
      expect(route(heavy, us, up, jti).secondaries).toEqual(best.map(([name]) => name));
    }
  });

  it.each([
    ['of one weight', () => 1],
    ['of several weights', (i: number) => 1 + (i % 7)],
  ])('are the two best of forty %s that are allowed and up, as sorting them would find', (_case, weigh) => {
    const large = largePolicy(20, 200, 40);
    const sites = [...large.datacenters].map(([name, site], i): [string, Datacenter] => [
      name,
      { ...site, weight: weigh(i) },
    ]);
    const p = compilePolicy({ ...large, datacenters: new Map(sites), closed: ['dc-41'] });
    for (const [i, jti] of jtis.entries()) {
      const home = p.regionNames[i % 20] ?? '';
      const label: Label = { home, evidence: [home, 'region-3'], regions: null };
      const live = (d: string) => (Number(d.split('-')[1]) + i) % 3 !== 0;
      const best = (p.policy.routes.get(home)?.secondaries ?? [])
        .filter((d) => allowedForLabel(p, label, d) && live(d))
        .map((d): [string, number] => [d, score(jti, d, p.policy.datacenters.get(d)?.weight ?? 0)])
        .toSorted(([, a], [, b]) => b - a)
        .slice(0, 2)
        .map(([d]) => d);
      expect(route(p, label, live, jti).secondaries).toEqual(best);
    }
  });

  it.each([
    ['dc-6203', 'dc-6279'],
    ['dc-2691', 'dc-11852'],
    ['dc-12634', 'dc-16670'],
    ['dc-19669', 'dc-23621'],
    ['dc-23230', 'dc-24583'],
    ['dc-26108', 'dc-26339'],
  ])('%s and %s agree in the upper half of their hashes for jti-1, and the lower half decides', (...pair) => {
    const best = pair.toSorted((a, b) => score('jti-1', b, 1) - score('jti-1', a, 1));
    for (const listed of [pair, pair.toReversed()]) {
      expect(route(drawing(listed.map((name) => [name, 1])), us, up, 'jti-1').secondaries).toEqual(best);
    }
  });

  it('are of equal scores those that the route lists first', () => {
    // Weights whose score is 1 to the last bit: near the inverse of the score of the weight 1.
    const even = ['fra', 'ams', 'hkg', 'waw'].map((name): [string, number] => {
      const near = 1 / score('jti-1', name, 1);
      const step = Number.EPSILON * 2 ** Math.floor(Math.log2(near));
      const weights = [-2, -1, 0, 1, 2].map((steps) => near + steps * step);
      return [name, weights.find((weight) => score('jti-1', name, weight) === 1) ?? near];
    });
    for (const [name, weight] of even) expect(score('jti-1', name, weight)).toBe(1);
    for (const listed of [even, even.toReversed()]) {
      const two = listed.slice(0, 2).map(([name]) => name);
      expect(route(drawing(listed), us, up, 'jti-1').secondaries).toEqual(two);
    }
  });

  it('are drawn by their hashes alone where all weigh the same', () => {
    const uniform = (weights: number[]) =>
      drawing(weights.map((weight, i) => [`dc-${i}`, weight])).routes.get('us')?.uniform;
    expect([[1], [2, 2, 2], [1, 1, 2], [2, 1, 1], []].map(uniform)).toEqual([true, true, false, false, true]);
  });

  it('are drawn by every token, and about equally often', () => {
    const first = jtis.map((jti) => route(zoom, us, up, jti).secondaries[0]);
    for (const d of ['fra', 'ams', 'hkg']) {
      const count = first.filter((f) => f === d).length;
      expect(count).toBeGreaterThan(100);
      expect(count).toBeLessThan(170);
    }
  });

  it('follow the weights', () => {
    const heavy = compiled(edited('zoom-2020', 'hkg: { region: hk,', 'hkg: { region: hk, weight: 4,'));
    const first = jtis.filter((jti) => route(heavy, us, up, jti).secondaries[0] === 'hkg').length;
    // 4 of 6; a standard deviation is about 9.5 of 400.
    expect(first).toBeGreaterThan(225);
    expect(first).toBeLessThan(310);
  });

  it('change only where one goes down', () => {
    for (const jti of jtis) {
      const before = route(zoom, us, up, jti).secondaries;
      const after = route(zoom, us, (d) => d !== 'ams', jti).secondaries;
      if (!before.includes('ams')) expect(after).toEqual(before);
      else expect(after).toEqual(expect.arrayContaining(before.filter((d) => d !== 'ams')));
    }
  });
});
