import { distributionOf } from '../../measure/distribution.ts';
import { Histogram } from '../../measure/histogram.ts';
import { randomFrom } from '../../measure/random.ts';
import type { Distribution, Point, RunResult } from '../result.ts';

/** A made-up result with something of everything. */
export function exampleResult(changes: Partial<RunResult> = {}): RunResult {
  const series = Array.from({ length: 40 }, (_, index): Point => pointAt(index));
  return {
    format: 'watershed-loadtest',
    version: 1,
    outcome: 'passed',
    reasons: [],
    startedAt: '2026-11-25T03:00:00.000Z',
    seconds: 40,
    isolation: {
      attempts: 1204,
      admitted: 0,
      refused: 1190,
      unanswered: 14,
      controls: { attempts: 21, admitted: 21 },
      kinds: [
        {
          kind: 'fence',
          what: 'an ordinary client at a datacenter outside the fences of its region',
          attempts: 1204,
          admitted: 0,
          refused: 1190,
          unanswered: 14,
          codes: { region_not_admitted: 1190, unanswered: 14 },
        },
      ],
      admissions: [],
    },
    scenario: {
      name: 'example',
      about: 'Made up.',
      file: 'example.yaml',
      seed: 1,
      policy: 'zoom-2020.yaml',
      participants: 4,
      rooms: 1,
      phases: [{ name: 'talk', from: 0, to: 40, measured: true }],
    },
    target: {
      kind: 'cluster',
      nodes: [{ id: 'fra-1', datacenter: 'fra', region: 'eu', url: 'ws://127.0.0.1:1' }],
    },
    machine: { cpu: 'a processor', cores: 2, memory: 2 ** 33, kernel: '6.1', system: 'Debian', load: 0.2 },
    versions: { watershed: '0.1.0' },
    thresholds: [
      {
        name: 'loss',
        what: 'packets lost',
        limit: 0.001,
        least: false,
        value: 0,
        unit: 'share',
        holds: true,
      },
      { name: 'recovery', what: 'recovery', limit: 10, least: false, value: null, unit: 'ms', holds: false },
    ],
    totals: {
      joins: 4,
      joined: 4,
      failed: 0,
      lost: 0,
      most: 4,
      packets: 20_000,
      missing: 0,
      loss: 0,
      bytes: 1e7,
      packetsPerSecond: 500,
      freezes: 0,
      freezesPerMinute: 0,
      measuredSeconds: 40,
      cpuPerMillion: 12.3,
    },
    distributions: { join: spread(1), firstPacket: spread(2), latency: spread(3), jitter: spread(4) },
    pairs: [
      {
        from: 'us',
        to: 'eu',
        packets: 9000,
        missing: 0,
        loss: 0,
        freezes: 0,
        cameras: 80,
        layer: 1.5,
        latency: spread(5),
        jitter: spread(6),
      },
      {
        from: 'eu',
        to: 'us',
        packets: 9000,
        missing: 0,
        loss: 0,
        freezes: 0,
        cameras: 80,
        layer: 2,
        latency: spread(7),
        jitter: spread(8),
      },
    ],
    received: [
      { to: 'eu', source: 'camera', receivers: 2, least: 410_000, mean: 500_000 },
      { to: 'us', source: 'camera', receivers: 2, least: 590_000, mean: 600_000 },
    ],
    failures: [{ code: 'room_full', message: 'The room is full.', count: 1 }],
    series,
    processes: [
      {
        name: 'fra-1 worker',
        kind: 'worker',
        pid: 1,
        cpuMean: 0.1,
        cpuMax: 0.2,
        memoryMean: 2 ** 24,
        memoryMax: 2 ** 25,
        diedAt: 20,
      },
    ],
    faults: [
      {
        at: 20,
        what: 'the media worker at fra killed',
        affected: 4,
        longestMs: 800,
        timesMs: [610, 640, 700, 800],
        recovered: true,
      },
    ],
    saturation: null,
    events: [
      { at: 0, kind: 'phase', text: 'talk', until: 40 },
      { at: 20, kind: 'fault', text: 'the media worker at fra killed', until: null },
      { at: 20.8, kind: 'recovery', text: '4 participants had media again', until: null },
    ],
    notes: ['made up'],
    ...changes,
  };
}

function pointAt(index: number): Point {
  return {
    at: index + 1,
    seconds: 1,
    phase: 'talk',
    measured: true,
    participants: Math.min(4, index),
    packetsPerSecond: 500,
    bitsPerSecond: 2.5e6,
    missing: 0,
    loss: 0,
    latencyP50: index === 0 ? null : 0.6,
    latencyP99: index === 0 ? null : 8,
    freezes: 0,
    lateness: 1,
    layers: { audio: 1e5, 'camera 1': 2e6 },
    cameraLayers: { eu: 1.5, us: 2 },
    seats: { fra: Math.min(4, index) },
    processes: { 'fra-1 worker': { cpu: 0.1, memory: 2 ** 24 } },
    joins: 0,
    begun: 0,
    piped: 0,
    machine: 0.6,
  };
}

function spread(seed: number): Distribution {
  const random = randomFrom(seed);
  const histogram = new Histogram();
  for (let n = 0; n < 500; n += 1) histogram.add(500 + random() ** 4 * 80_000);
  return distributionOf(histogram);
}
