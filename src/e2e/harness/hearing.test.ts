import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { Received } from '../../../loadtest/participant/participant.ts';
import { GapWatch } from './hearing.ts';

const QUIET_MS = 400;

/** What somebody hears of two people who send until they are told not to. */
class Talk {
  readonly silent = new Set<string>();
  readonly #counts = new Map<string, number>();

  async stats() {
    return {
      sent: [],
      received: ['ann/microphone', 'ann/camera', 'bob/microphone'].map((of) => this.#next(of)),
    };
  }

  #next(of: string): Received {
    const [peerId = '', source] = of.split('/');
    const stamped = (this.#counts.get(of) ?? 0) + (this.silent.has(of) ? 0 : 1);
    this.#counts.set(of, stamped);
    return {
      peerId,
      source: source === 'camera' ? 'camera' : 'microphone',
      consumerId: of,
      producerId: of,
      kind: source === 'camera' ? 'video' : 'audio',
      packets: stamped,
      bytes: 0,
      frames: 0,
      keyFrames: 0,
      stamped,
      missing: 0,
      latency: null,
      lastStream: null,
      lastSpatialLayer: null,
      lastPacketAt: null,
    };
  }
}

const speaker = (peerId: string) => ({ client: { room: { peerId } } });

it('a gap that is still open counts, of one source of one speaker, though all else is heard', async () => {
  const talk = new Talk();
  const watches = [
    new GapWatch(talk, [speaker('ann'), speaker('bob')]),
    new GapWatch(talk, [speaker('bob')]),
  ];
  await sleep(150);
  talk.silent.add('ann/camera');
  await sleep(QUIET_MS);
  const [both = 0, bob = 0] = await Promise.all(watches.map((watch) => watch.longest()));
  expect(both).toBeGreaterThan(QUIET_MS - 50);
  expect(bob).toBeLessThan(both);
});

it('who was never heard is no short gap', async () => {
  expect(await new GapWatch(new Talk(), [speaker('ann'), speaker('eve')]).longest()).toBe(
    Number.POSITIVE_INFINITY,
  );
});
