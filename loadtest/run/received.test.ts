import { describe, expect, test } from 'vitest';
import type { MeantReading } from '../agent/messages.ts';
import { Received } from './received.ts';

/** A second of one participant. */
function second(n: number, source: MeantReading['source'], streams: number, bytes: number): MeantReading {
  return { n, to: n < 10 ? 'eu' : 'us', source, streams, bytes };
}

describe('what is received of each stream', () => {
  test('is of who gets least, by region and source, and counts what is meant and does not come', () => {
    const received = new Received();
    for (let at = 0; at < 12; at += 1) {
      received.add(
        [
          second(1, 'screen', 1, 125_000),
          second(2, 'screen', 1, at < 6 ? 125_000 : 0),
          second(2, 'camera', 3, 3 * 50_000),
          second(11, 'screen', 1, 0),
        ],
        1,
      );
    }
    expect(received.results()).toEqual([
      { to: 'eu', source: 'camera', receivers: 1, least: 400_000, mean: 400_000 },
      { to: 'eu', source: 'screen', receivers: 2, least: 500_000, mean: 750_000 },
      { to: 'us', source: 'screen', receivers: 1, least: 0, mean: 0 },
    ]);
  });

  test('leaves out who was there for less than ten seconds, and intervals in which nothing was meant', () => {
    const received = new Received();
    for (let at = 0; at < 9; at += 1) received.add([second(1, 'screen', 1, 0)], 1);
    expect(received.results()).toEqual([]);
    received.add([second(1, 'screen', 0, 0)], 100);
    expect(received.results()).toEqual([]);
    received.add([second(1, 'screen', 1, 1250)], 1);
    expect(received.results()).toEqual([
      { to: 'eu', source: 'screen', receivers: 1, least: 1000, mean: 1000 },
    ]);
  });
});
