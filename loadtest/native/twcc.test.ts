import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { ensureProgram, sharedSource } from './build.ts';
import { REFERENCE_PERIOD, readTransportFeedback } from './testing/transport-feedback.ts';

/** A sequence number and the ms at which it arrives, or the moment of a report. */
type Step = readonly [sequence: number, at: number] | 'report';

let program: string;

beforeAll(async () => {
  program = await ensureProgram({
    name: 'transport-feedback',
    sources: [
      join(import.meta.dirname, 'testing', 'transport-feedback.c'),
      sharedSource('twcc.c'),
      sharedSource('base.c'),
    ],
  });
}, 120_000);

function reportsOf(steps: readonly Step[]): Buffer[] {
  const input = steps.map((step) =>
    step === 'report' ? 'report\n' : `${step[0]} ${Math.round(step[1] * 1000)}\n`,
  );
  const lines = execFileSync(program, { input: input.join(''), encoding: 'utf8' }).split('\n');
  return lines.filter((line) => line !== '').map((line) => Buffer.from(line, 'hex'));
}

function readingsOf(steps: readonly Step[]) {
  return reportsOf(steps).map((report) => readTransportFeedback(report).packets);
}

describe('transport-wide feedback', () => {
  test('has the bytes that the draft says', () => {
    // 128 ms is two units of 64; then 0.25, 1 and (backwards) -0.5 ms, the second packet missing.
    const [report] = reportsOf([[100, 128], [102, 128.25], [103, 129.25], [104, 128.75], 'report']);
    const bytes = [
      'afcd0006', // version 2, padding, format 15; type 205; six more words
      '00000001', // who reports
      '00000002', // a stream of the transport
      '00640005', // from number 100 on, five of them
      '00000200', // reference time, and the first report
      'd160', // a vector of two bits each: 01 00 01 01 10 00 00
      '00', // +0
      '01', // +0.25 ms
      '04', // +1 ms
      'fffe', // -0.5 ms
      '01', // padding
    ];
    expect(report?.toString('hex')).toBe(bytes.join(''));
  });

  test('says what is missing at its beginning, and what comes late after all', () => {
    const [first, second, third] = readingsOf([
      [1, 64],
      'report',
      [4, 74],
      [5, 75],
      'report',
      [3, 80],
      [3, 81],
      'report',
    ]);
    expect(first).toEqual([[1, 64]]);
    expect(second).toEqual([
      [2, null],
      [3, null],
      [4, 74],
      [5, 75],
    ]);
    expect(third).toEqual([
      [3, 80],
      [4, 74],
      [5, 75],
    ]);
  });

  test('goes on where sequence numbers begin again', () => {
    expect(readingsOf([[65_534, 64], [65_535, 65], [1, 66], 'report', [0, 70], [2, 71], 'report'])).toEqual([
      [
        [65_534, 64],
        [65_535, 65],
        [0, null],
        [1, 66],
      ],
      [
        [0, 70],
        [1, 66],
        [2, 71],
      ],
    ]);
  });

  test('goes on where the reference time begins again', () => {
    const steps: Step[] = [[1, REFERENCE_PERIOD - 1], [2, REFERENCE_PERIOD + 1], 'report'];
    expect(readingsOf(steps)).toEqual([
      [
        [1, REFERENCE_PERIOD - 1],
        [2, REFERENCE_PERIOD + 1],
      ],
    ]);
    expect(readingsOf([[3, REFERENCE_PERIOD + 129], 'report'])).toEqual([[[3, 129]]]);
  });

  test('takes two bytes for a pause, and a report of its own after a long one', () => {
    const steps: Step[] = [[1, 64], [2, 164], [3, 8164], [4, 18_164], [5, 18_165], 'report'];
    const reports = reportsOf(steps).map(readTransportFeedback);
    expect(reports.map(({ count }) => count)).toEqual([0, 1]);
    expect(reports.map(({ packets }) => packets)).toEqual([
      [
        [1, 64],
        [2, 164],
        [3, 8164],
      ],
      [
        [4, 18_164],
        [5, 18_165],
      ],
    ]);
  });

  test('is in as many reports as it takes, each small enough for a datagram', () => {
    // Every second packet comes, each 70 ms after the one before: two bytes for a difference.
    const arrivals = Array.from({ length: 1000 }, (_, index): [number, number] => [
      index * 2,
      64 + index * 70,
    ]);
    const reports = reportsOf([...arrivals, 'report']);
    expect(reports.length).toBeGreaterThan(1);
    expect(Math.max(...reports.map(({ length }) => length))).toBeLessThanOrEqual(1500);
    const packets = reports.flatMap((report) => readTransportFeedback(report).packets);
    expect(packets.map(([sequence]) => sequence)).toEqual(Array.from({ length: 1999 }, (_, index) => index));
    expect(packets.filter(([, at]) => at !== null)).toEqual(arrivals);
  });

  test('begins anew where the far end does', () => {
    expect(readingsOf([[10, 64], 'report', [30_000, 65], 'report'])).toEqual([[[10, 64]], [[30_000, 65]]]);
  });
});
