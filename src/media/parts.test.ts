import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createMediaEngine } from './engine.ts';
import { withoutAddresses } from './log-bridge.ts';
import { SpeakerOrder } from './speaker-order.ts';
import { Speakers, type Speaking } from './speakers.ts';
import { LIMITS } from './testing/fixture.ts';
import type { MediaOptions } from './types.ts';
import { WantedLayers } from './wanted-layers.ts';
import { respawnDelay } from './worker-pool.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('the first respawn is at once, later ones back off to 5 s', () => {
  expect([1, 2, 3, 4, 5, 6, 7, 20].map(respawnDelay)).toEqual([0, 250, 500, 1000, 2000, 4000, 5000, 5000]);
});

describe('wanted layers', () => {
  test('more at once, fewer after a pause', () => {
    const said: (number | null)[] = [];
    const wanted = new WantedLayers(2, (layer) => said.push(layer));
    vi.advanceTimersByTime(3_000);
    wanted.update(0);
    expect(said).toEqual([]);
    vi.advanceTimersByTime(600);
    expect(said).toEqual([0]);
    wanted.update(1);
    expect(said).toEqual([0, 1]);
    // There and back within the pause is not worth a word.
    wanted.update(null);
    wanted.update(1);
    vi.advanceTimersByTime(5_000);
    expect(said).toEqual([0, 1]);
    wanted.update(0);
    wanted.update(null);
    vi.advanceTimersByTime(600);
    expect(said).toEqual([0, 1, null]);
    wanted.update(2);
    expect(said.at(-1)).toBe(2);
    wanted.update(0);
    wanted.close();
    vi.advanceTimersByTime(5_000);
    expect(said.at(-1)).toBe(2);
  });

  test('a new producer waits for its first subscribers', () => {
    const said: (number | null)[] = [];
    const wanted = new WantedLayers(2, (layer) => said.push(layer));
    wanted.update(null);
    vi.advanceTimersByTime(1_000);
    expect(said).toEqual([]);
    vi.advanceTimersByTime(1_500);
    expect(said).toEqual([null]);
    wanted.close();
  });
});

describe('the order of speakers', () => {
  const everybody = () => true;
  function order(...peerIds: string[]): SpeakerOrder {
    const made = new SpeakerOrder();
    for (const peerId of peerIds) made.add(peerId);
    return made;
  }

  test('at first, who came first', () => {
    expect([...order('a', 'b', 'c').first(2, 'viewer', everybody)]).toEqual(['a', 'b']);
    expect([...order('a', 'b', 'c').first(2, 'a', everybody)]).toEqual(['b', 'c']);
  });

  test('does not change while the same talk', () => {
    const three = order('a', 'b', 'c');
    three.speaks('b', 2, everybody);
    three.speaks('a', 2, everybody);
    three.speaks('b', 2, everybody);
    expect([...three.first(3, '', everybody)]).toEqual(['a', 'b', 'c']);
  });

  test('a new speaker takes the place of the one silent longest', () => {
    const four = order('a', 'b', 'c', 'd');
    four.speaks('b', 2, everybody);
    four.speaks('d', 2, everybody);
    expect([...four.first(2, '', everybody)]).toEqual(['d', 'b']);
    four.speaks('c', 2, everybody);
    expect([...four.first(2, '', everybody)]).toEqual(['d', 'c']);
    // Those who lost their place are the next in line.
    expect([...four.first(3, '', everybody)]).toEqual(['d', 'c', 'b']);
  });

  test('a peer without camera takes no place, and one that left none either', () => {
    const four = order('a', 'b', 'c', 'd');
    const camera = (peerId: string) => peerId !== 'a';
    expect([...four.first(2, '', camera)]).toEqual(['b', 'c']);
    four.speaks('a', 2, camera);
    four.speaks('unknown', 2, camera);
    four.remove('b');
    expect([...four.first(2, '', camera)]).toEqual(['c', 'd']);
    four.speaks('d', 0, camera);
    expect([...four.first(0, '', camera)]).toEqual([]);
  });
});

describe('speakers', () => {
  function speakers(): { said: Speaking[]; dominants: string[]; it: Speakers } {
    const said: Speaking[] = [];
    const dominants: string[] = [];
    const it = new Speakers(
      (speaking) => said.push(speaking),
      (peerId) => dominants.push(peerId),
    );
    return { said, dominants, it };
  }

  test('are merged from all routers: the louder holds the floor', () => {
    const { said, dominants, it } = speakers();
    it.volumes('r1', [{ peerId: 'a', volume: -30 }]);
    it.dominantOf('r1', 'a');
    it.dominantOf('r2', 'b');
    it.volumes('r2', [{ peerId: 'b', volume: -20 }]);
    vi.advanceTimersByTime(1);
    expect(said.at(-1)).toEqual({
      dominant: 'b',
      volumes: [
        { peerId: 'b', volume: -20 },
        { peerId: 'a', volume: -30 },
      ],
    });
    expect(dominants).toEqual(['a', 'b']);
    it.forget('r2');
    vi.advanceTimersByTime(300);
    expect(said.at(-1)?.dominant).toBe('a');
    it.close();
  });

  test('at most every 300 ms, and only when something changed', () => {
    const { said, it } = speakers();
    it.dominantOf('r', 'a');
    for (let i = 0; i < 10; i += 1) {
      it.volumes('r', [{ peerId: 'a', volume: -20 - i }]);
      vi.advanceTimersByTime(100);
    }
    expect(said.length).toBeLessThanOrEqual(4);
    vi.advanceTimersByTime(1_000);
    const before = said.length;
    it.volumes('r', [{ peerId: 'a', volume: -29 }]);
    vi.advanceTimersByTime(1_000);
    expect(said).toHaveLength(before);
    it.forgetPeer('a');
    vi.advanceTimersByTime(1_000);
    expect(said.at(-1)).toEqual({ dominant: null, volumes: [] });
    it.close();
  });
});

test('logs hold no addresses', () => {
  expect(withoutAddresses('from 192.0.2.7:443 and 2001:db8::7 at 12:30')).toBe(
    'from [address]:443 and [address] at 12:30',
  );
  expect(withoutAddresses('[pid:12] request failed [method:TRANSPORT_CONNECT, id:7]: TypeError')).toBe(
    '[pid:12] request failed [method:TRANSPORT_CONNECT, id:7]: TypeError',
  );
  expect(withoutAddresses('ip:::1, [::ffff:192.0.2.7]:443, 2001:db8:1:2:3:4:5:6%eth0 fe80::')).toBe(
    'ip:[address], [[address]]:443, [address]%eth0 [address]',
  );
  const place = 'RTC::RtpListener::AddProducer() | throwing';
  expect(withoutAddresses(place)).toBe(place);
});

describe('options that cannot work are refused at once', () => {
  const good: MediaOptions = {
    workerBin: '/nonexistent/mediasoup-worker',
    workers: 1,
    listen: [{ ip: '127.0.0.1' }],
    basePort: 0,
    enableTcp: true,
    enableUdp: true,
    limits: LIMITS,
  };
  test.each([
    ['no worker', { workers: 0 }],
    ['no address', { listen: [] }],
    ['a name', { listen: [{ ip: 'localhost' }] }],
    ['all addresses without an announced one', { listen: [{ ip: '0.0.0.0' }] }],
    ['no protocol', { enableTcp: false, enableUdp: false }],
    ['no port', { basePort: 65535, workers: 2 }],
  ])('%s', async (_, change) => {
    await expect(createMediaEngine({ ...good, ...change })).rejects.toThrow(/^media: /);
  });
  test('a binary that is not there', async () => {
    vi.useRealTimers();
    await expect(createMediaEngine(good)).rejects.toThrow(/ENOENT/);
  });
});
