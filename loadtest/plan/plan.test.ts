import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parsePolicy } from '../../src/policy/parse.ts';
import { compare } from '../report/compare.ts';
import type { Point, RunResult } from '../report/result.ts';
import { exampleResult } from '../report/testing/example.ts';
import { checkText } from './command.ts';
import { type CostModel, coresFor, fitModel, leastSquares } from './model.ts';
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
  perParticipant: 0.0005,
  perPacket: 8e-6,
  perPiped: 2e-5,
  perJoin: 0.04,
  idleBytes: 1e8,
  bytesPerParticipant: 2e5,
  intervals: 100,
  residual: 0.1,
};

describe('the cost model', () => {
  test('finds the costs that made the figures', () => {
    const results = [2, 20, 100].map((participants) => runOf(participants));
    const model = fitModel(results);
    expect(model.idle).toBeCloseTo(MODEL.idle, 4);
    expect(model.perParticipant).toBeCloseTo(MODEL.perParticipant, 5);
    expect(model.perPacket * 1e6).toBeCloseTo(MODEL.perPacket * 1e6, 2);
    expect(model.perPiped * 1e6).toBeCloseTo(MODEL.perPiped * 1e6, 1);
    expect(model.perJoin).toBeCloseTo(MODEL.perJoin, 4);
    expect(model.bytesPerParticipant / MODEL.bytesPerParticipant).toBeCloseTo(1, 2);
    expect(model.residual).toBeLessThan(0.01);
    expect(checkText(model, runOf(50))).toMatch(/CPU .*planned is × 1\.00\nmemory .*planned is × 1\.00\n$/);
  });

  test('learns nothing from an overloaded machine, and says when there is nothing to learn from', () => {
    const lossy = runOf(10, { loss: 0.2 });
    expect(() => fitModel([lossy])).toThrow('too few measured intervals');
    expect(fitModel([runOf(2), runOf(50), lossy]).intervals).toBe(fitModel([runOf(2), runOf(50)]).intervals);
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
    const each = MODEL.perParticipant + MODEL.perPacket * packetsEach(shape) + MODEL.perJoin / 1000;
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
    // The other datacenter has two fifths of its cores to spare, 0.04 s of one for each.
    const [left] = across.sites.filter(({ datacenter }) => datacenter === 'iad');
    const spare = (left?.nodes ?? 0) * 2 * (1 - (left?.worstLoad ?? 0));
    expect(across.failures[0]?.rejoinSeconds).toBeCloseTo((5000 * MODEL.perJoin) / spare, 6);
    expect(planned.failures[0]?.servedWithoutSpare).toBeLessThan(0.6);
    expect(planned.sites.map(({ datacenter }) => datacenter)).toEqual(['sjc', 'iad']);
  });
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

/** A run on two nodes whose figures are exactly what the model says. */
function runOf(participants: number, { loss = 0 } = {}): RunResult {
  const packets = participants * 150;
  const series = Array.from({ length: 10 }, (_, index): Point => {
    const some = packets * (1 + index / 20);
    const [piped, joins] = [(some / 3) * (index % 3), (index * 7) % 5];
    return {
      ...pointOf(),
      participants,
      loss,
      packetsPerSecond: some,
      piped,
      joins,
      seconds: 1,
      processes: {
        one: {
          cpu: coresFor(MODEL, { nodes: 2, participants, packets: some, piped, joins }),
          memory: 2 * MODEL.idleBytes + participants * MODEL.bytesPerParticipant,
        },
        two: { cpu: 0, memory: 0 },
      },
    };
  });
  const process = {
    kind: 'node',
    pid: 1,
    cpuMean: 0,
    cpuMax: 0,
    memoryMean: 0,
    memoryMax: 0,
    diedAt: null,
  } as const;
  return exampleResult({
    series,
    processes: [
      { ...process, name: 'one' },
      { ...process, name: 'two' },
    ],
  });
}

function pointOf(): Point {
  const point = exampleResult().series[5];
  if (point === undefined) throw new Error('the example has no series');
  return point;
}
