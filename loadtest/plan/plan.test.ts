import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parsePolicy } from '../../src/policy/parse.ts';
import { compare } from '../report/compare.ts';
import type { Point, RunResult } from '../report/result.ts';
import { exampleResult } from '../report/testing/example.ts';
import { checkText, comeAlong } from './command.ts';
import { leastSquares } from './least-squares.ts';
import { type CostModel, coresFor, fitModel, rowsOf } from './model.ts';
import { failures, place } from './place.ts';
import { packetsEach, plan } from './plan.ts';
import { parseShape } from './shape.ts';

const parsed = parsePolicy(
  readFileSync(new URL('../../config/policies/zoom-2020.yaml', import.meta.url), 'utf8'),
  'zoom-2020.yaml',
);
if (!parsed.ok) throw new Error('not a policy');
const { policy } = parsed;

const MODEL: CostModel = {
  idle: 0.01,
  perPacket: 8e-6,
  perPiped: 2e-5,
  perJoin: 0.02,
  perStream: 0.002,
  idleBytes: 1e8,
  bytesPerParticipant: 2e5,
  phases: 10,
  error: { median: 0.1, most: 0.2 },
};

describe('the cost model', () => {
  test('finds the costs that made the figures', () => {
    const model = fitModel(RUNS);
    expect(model.idle).toBeCloseTo(MODEL.idle, 4);
    expect(model.perPacket * 1e6).toBeCloseTo(MODEL.perPacket * 1e6, 2);
    expect(model.perPiped * 1e6).toBeCloseTo(MODEL.perPiped * 1e6, 1);
    expect(model.perJoin).toBeCloseTo(MODEL.perJoin, 4);
    expect(model.perStream).toBeCloseTo(MODEL.perStream, 5);
    expect(model.bytesPerParticipant / MODEL.bytesPerParticipant).toBeCloseTo(1, 2);
    expect(model.phases).toBe(2 * RUNS.length);
    expect(model.error.most).toBeLessThan(0.01);
    expect(checkText(model, runOf('other', { participants: 50 }))).toMatch(
      /^other\nfirst: 50 .*\n +CPU .*planned is × 1\.00\n +memory .*planned is × 1\.00\nsecond: [\s\S]*planned is × 1\.00\n$/,
    );
  });

  test('learns nothing from an overloaded machine, and says when there is nothing to learn from', () => {
    const lossy = runOf('lossy', { participants: 10, loss: 0.2 });
    expect(() => fitModel([lossy, ...RUNS.slice(0, 2)])).toThrow('too few measured runs');
    expect(fitModel([...RUNS, lossy]).phases).toBe(fitModel(RUNS).phases);
    const { faults } = exampleResult();
    expect(rowsOf({ ...runOf('broken', { participants: 10 }), faults })).toEqual([]);
  });

  test('says how far off it is where a run costs what no other does', () => {
    const dear = runOf('dear', { participants: 10, times: 1.5 });
    const { error } = fitModel([...RUNS, dear]);
    expect(error.most).toBeGreaterThan(0.25);
    expect(error.median).toBeLessThan(error.most);
  });

  test('no cost is below nothing', () => {
    expect(leastSquares([[1], [2], [3]], [-1, -2, -3])).toEqual([0]);
    const [a = 0, b = 0] = leastSquares(
      [
        [1, 1],
        [1, 2],
        [1, 3],
      ],
      [3, 2, 1],
    );
    expect(Math.min(a, b)).toBeGreaterThanOrEqual(0);
  });
});

describe('a plan', () => {
  test.each([
    ['meeting:4', 4, 12 * (50 + 75)],
    ['webinar:100', 101, 100 * (50 + 75)],
    ['audio:40:4', 40, 4 * 39 * 50],
    ['meeting:2@200', 2, 2 * (50 + 25)],
  ])('%s is so many people and packets', (text, people, packets) => {
    expect(parseShape(text)).toMatchObject({ people, packetsPerRoom: packets });
  });

  test.each(['meeting', 'meeting:1', 'party:4', 'audio:4:x'])('%s is no shape', (text) => {
    expect(() => parseShape(text)).toThrow(/^--shape /);
  });

  test('never seats anybody where they may not be, whatever fails', () => {
    const people = new Map([
      ['us', 100],
      ['eu', 50],
      ['cn', 40],
    ]);
    const { seats, unserved } = place(policy, people);
    expect(unserved).toBe(0);
    expect(Object.fromEntries(seats)).toEqual({ sjc: 50, iad: 50, fra: 25, ams: 25, sha: 20, tsn: 20 });
    const away = place(policy, people, new Set(['sjc', 'iad', 'fra', 'ams']));
    expect(away.seats.get('hkg')).toBe(150);
    expect((away.seats.get('sha') ?? 0) + (away.seats.get('tsn') ?? 0)).toBe(40);
    expect(place(policy, people, new Set(['sjc', 'iad', 'fra', 'ams', 'hkg'])).unserved).toBe(150);
    expect(failures(policy, people).map(({ datacenter }) => datacenter)).toEqual([
      'sjc',
      'iad',
      'fra',
      'ams',
      'sha',
      'tsn',
    ]);
  });

  test('holds everybody when any datacenter fails, and says who would be lost without spare', () => {
    const shape = parseShape('meeting:4');
    const request = {
      participants: 10_000,
      shape,
      mix: new Map([['us', 1]]),
      policy,
      model: MODEL,
      cores: 2,
      use: 0.6,
      stay: 1000,
      across: 0,
    };
    const planned = plan(request);
    // Whoever is replaced in a meeting of four: six streams of theirs begin, and six of the others'.
    const joining = MODEL.perJoin + MODEL.perStream * 12;
    const each = MODEL.perPacket * packetsEach(shape) + joining / 1000;
    expect(planned.perNode).toBeCloseTo((2 * 0.6 - MODEL.idle) / each, 6);
    for (const site of planned.sites) {
      expect(site.nodes * planned.perNode).toBeGreaterThanOrEqual(site.worst - 1);
      expect(site.worstLoad).toBeLessThanOrEqual(0.6);
    }
    expect(planned.failures.map(({ datacenter, served }) => [datacenter, served])).toEqual([
      ['sjc', 1],
      ['iad', 1],
    ]);
    expect(planned.failures[0]?.rejoining).toBe(5000);
    const across = plan({ ...request, across: 0.5 });
    // Of four people, each of whom sends 125 packets/s, half of the rooms send them elsewhere once.
    expect(across.perNode).toBeCloseTo((2 * 0.6 - MODEL.idle) / (each + MODEL.perPiped * 62.5), 6);
    // The other datacenter has two fifths of its cores to spare; rooms that fill begin half as many streams a join.
    const [left] = across.sites.filter(({ datacenter }) => datacenter === 'iad');
    const spare = (left?.nodes ?? 0) * 2 * (1 - (left?.worstLoad ?? 0));
    expect(across.failures[0]?.rejoinSeconds).toBeCloseTo(
      (5000 * (MODEL.perJoin + MODEL.perStream * 6)) / spare,
      6,
    );
    expect(planned.failures[0]?.servedWithoutSpare).toBeLessThan(0.6);
    expect(planned.sites.map(({ datacenter }) => datacenter)).toEqual(['sjc', 'iad']);
  });
});

test("the guide's sizing is what a plan by the results that come along says", () => {
  const guide = readFileSync(new URL('../../deploy/README.md', import.meta.url), 'utf8');
  const model = fitModel(comeAlong());
  const rows = [
    ...guide.matchAll(/^\|.*?\| (.*) \| `.*--participants (\d+) --shape (\S+) --mix us=1` \|$/gm),
  ];
  expect(rows).toHaveLength(3);
  for (const [, said = '', participants, shape = ''] of rows) {
    const request = { policy, model, mix: new Map([['us', 1]]), cores: 8, use: 0.6, stay: 1800, across: 0 };
    const { sites } = plan({ ...request, participants: Number(participants), shape: parseShape(shape) });
    const [site] = sites;
    if (site === undefined) throw new Error('no site');
    const figures = [site.load * 100, site.worstLoad * 100, site.memory / 2 ** 30, site.bitsPerSecond / 1e9];
    const told = [...said.matchAll(/([\d.]+) (?:%|GiB|Gbit)/g)].map(([, figure]) => Number(figure));
    expect(told, shape).toEqual(figures.map((figure, n) => Number(figure.toFixed(n < 2 ? 0 : 1))));
  }
});

test('two runs are set side by side, with what makes them hard to compare', () => {
  const a = exampleResult();
  const b = exampleResult({
    totals: { ...a.totals, packetsPerSecond: 1000, loss: 0.01 },
    machine: { ...a.machine, cpu: 'another processor' },
  });
  const text = compare(a, b);
  expect(text).toContain('A: 1204 forbidden attempts made, 0 admitted');
  expect(text).toContain('mind: their processors differ: a processor and another processor');
  expect(text).toMatch(/packets\/s +500 +1000 +× 2\.00$/m);
  expect(text).toMatch(/lost +0 % +1 % +from nothing worse$/m);
  expect(compare(a, a)).toMatch(/latency p99 .*the same$/m);
});

interface Made {
  readonly participants: number;
  readonly packets?: number;
  readonly piped?: number;
  readonly joins?: number;
  readonly begun?: number;
  readonly loss?: number;
  /** What it costs beside what the model says. */
  readonly times?: number;
}

/** A run of two phases on two nodes whose figures are exactly what the model says; in the first nobody joins. */
function runOf(name: string, made: Made): RunResult {
  const { participants, loss = 0, times = 1 } = made;
  const { packets = participants * 150, piped = 0, joins = 1, begun = 12 } = made;
  const series = ['first', 'second'].flatMap((phase, second) =>
    Array.from({ length: 6 }, (_, index): Point => {
      // As it is in intervals: nothing is even, and what comes in one is worked off in another.
      const some = packets * (1 + (index % 2) / 2);
      const load = {
        nodes: 2,
        packets: packets * 1.25,
        piped,
        joins: joins * second,
        streams: begun * second,
      };
      return {
        ...pointOf(),
        phase,
        participants,
        loss,
        packetsPerSecond: some,
        piped,
        joins: joins * second,
        begun: begun * second,
        seconds: 1,
        processes: {
          one: {
            cpu: coresFor(MODEL, load) * times,
            memory: 2 * MODEL.idleBytes + participants * MODEL.bytesPerParticipant,
          },
          two: { cpu: 0, memory: 0 },
        },
      };
    }),
  );
  const example = exampleResult();
  const [process] = example.processes;
  if (process === undefined) throw new Error('the example has no process');
  return {
    ...example,
    scenario: { ...example.scenario, name },
    faults: [],
    series,
    processes: ['one', 'two'].map((one) => ({ ...process, kind: 'node', name: one })),
  };
}

/** Each of another shape, so that any of them can be left out. */
const RUNS = [
  runOf('few', { participants: 2 }),
  runOf('webinar', { participants: 60, joins: 3, begun: 6 }),
  runOf('meetings', { participants: 16, joins: 1, begun: 12 }),
  runOf('audio', { participants: 30, packets: 4000, joins: 2, begun: 60 }),
  runOf('across', { participants: 12, piped: 1500 }),
  runOf('across more', { participants: 24, piped: 2000, joins: 2, begun: 30 }),
];

function pointOf(): Point {
  const point = exampleResult().series[5];
  if (point === undefined) throw new Error('the example has no series');
  return point;
}
