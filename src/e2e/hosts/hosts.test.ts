import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { whyNoNetwork } from '../../testing/network.ts';
import { waitFor } from '../../testing/wait.ts';
import type { Caller } from './caller-process.ts';
import { type Hosts, startHosts } from './hosts.ts';

// Several hosts: three datacenters and three places with people, each a network namespace with an address that a
// database made for it knows. Nodes run as in production; nothing here is loopback.
const SJC = '198.51.100.1';
const HKG = '198.51.100.129';
const SHA = '203.0.113.1';
const US = '198.51.100.10';
const HK = '198.51.100.140';
const CN = '203.0.113.10';
const decisionSchema = z.object({
  step: z.string(),
  kind: z.string(),
  code: z.string(),
  evidence: z.array(z.string()),
  room: z.string(),
});
/** A second address of the host in China. */
const CN_ABROAD = '198.51.100.20';

const why = whyNoNetwork();
if (why !== null) console.warn(why);

describe.skipIf(why !== null)('several hosts', () => {
  let hosts: Hosts;
  beforeAll(async () => {
    hosts = await startHosts({
      datacenters: { sjc: SJC, hkg: HKG, sha: SHA },
      people: { us: [US], hk: [HK], cn: [CN, CN_ABROAD] },
      // Decisions about media are logged.
      settings: { 'log.level': 'debug' },
      countries: { '198.51.100.0/25': 'US', '198.51.100.128/25': 'HK', '203.0.113.0/24': 'CN' },
    });
  }, 120_000);
  afterAll(() => hosts?.close());

  const at = (name: string): Caller => {
    const caller = hosts.callers.get(name);
    if (caller === undefined) throw new Error(`nobody at ${name}`);
    return caller;
  };
  const door = (datacenter: string): string => hosts.nodes.get(datacenter)?.url ?? '';

  /** A room whose id is long enough for its log to tell it apart. */
  const roomOf = (name: string): string => `${name}-on-several-hosts`;
  /** Decisions of a node about a room: at which step, what, by which evidence. */
  const decided = (datacenter: string, room: string): string[] =>
    (hosts.nodes.get(datacenter)?.log() ?? []).flatMap(({ decision }) => {
      const parsed = decisionSchema.safeParse(decision);
      if (!parsed.success || parsed.data.room !== `${room.slice(0, 8)}…`) return [];
      const { step, kind, code, evidence } = parsed.data;
      return [`${step} ${kind} ${code} ${evidence.join('+')}`];
    });

  it.each([
    { claim: 'us', place: 'us', asked: 'sjc', seat: /sjc/, evidence: 'us' },
    { claim: 'us', place: 'cn', asked: 'sha', seat: /sjc/, evidence: 'cn+us' },
    { claim: 'cn', place: 'cn', asked: 'sjc', seat: /sha/, evidence: 'cn' },
    { claim: 'cn', place: 'hk', asked: 'sha', seat: /hkg|sjc/, evidence: 'cn+hk' },
  ])(
    'a $claim token from an address in $place is seated at $seat, whichever front door it asks',
    async ({ claim, place, asked, seat, evidence }) => {
      const room = roomOf(`${claim}-${place}`);
      const token = await hosts.token({ room, region: claim });
      expect(await at(place).join(room, token, door(asked))).toBe('joined');
      const { datacenter } = await at(place).view(room);
      expect(datacenter).toMatch(seat);
      expect(decided(datacenter ?? '', room)).toContain(`join admit admitted ${evidence}`);
      await at(place).leave(room);
    },
    30_000,
  );

  it('a token of cn that signals from China and sends media from elsewhere is refused at sha, unheard, and served abroad', async () => {
    const room = roomOf('faces');
    const token = () => hosts.token({ room, region: 'cn' });
    const cn = at('cn');
    expect(await cn.join('listener', await token(), door('sha'))).toBe('joined');
    await cn.join('traveller', await token(), door('sha'), { from: CN, media: CN_ABROAD });
    await waitFor('its seat elsewhere', async () =>
      /hkg|sjc/.test((await cn.view('traveller')).datacenter ?? ''),
    );
    expect(decided('sha', room)).toContain('address refuse address_refused cn');
    // At its new seat it is judged anew: once its media has been seen there too, it may not be known in China any
    // more, and the listener is led to where both may be. Until then nothing of it was heard at sha.
    const heardAtSha: unknown[] = [];
    await waitFor('the listener to be led out of sha', async () => {
      const { datacenter, heard } = await cn.view('listener');
      if (datacenter === 'sha') heardAtSha.push(heard);
      return /hkg|sjc/.test(datacenter ?? '');
    });
    expect(heardAtSha.filter((heard) => JSON.stringify(heard) !== '{}')).toEqual([]);
    expect(['sjc', 'hkg'].some((dc) => decided(dc, room).some((line) => line.endsWith('cn+us')))).toBe(true);
    await cn.leave('traveller');
    await cn.leave('listener');
  }, 40_000);

  it('a token of us that sends media from China stays, and its label keeps it from sha', async () => {
    const cn = at('cn');
    const room = roomOf('abroad');
    const token = await hosts.token({ room, region: 'us' });
    expect(await cn.join('tourist', token, door('sjc'), { from: CN_ABROAD, media: CN })).toBe('joined');
    await waitFor('the wider label', () => decided('sjc', room).some((line) => line.endsWith('cn+us')));
    expect(decided('sjc', room)).toContain('join admit admitted us');
    expect((await cn.view('tourist')).datacenter).toBe('sjc');
    await cn.leave('tourist');
  }, 40_000);

  describe('a call between us and hk', () => {
    beforeAll(async () => {
      for (const [name, datacenter] of [
        ['us', 'sjc'],
        ['hk', 'hkg'],
      ] as const) {
        const token = await hosts.token({ room: 'wide', region: name });
        expect(await at(name).join(name, token, [door(datacenter), door('hkg')])).toBe('joined');
        expect((await at(name).view(name)).datacenter).toBe(datacenter);
      }
    }, 30_000);

    const heard = async (): Promise<[number, number]> => [
      (await at('us').view('us')).heard.hk ?? 0,
      (await at('hk').view('hk')).heard.us ?? 0,
    ];
    const flows = async (): Promise<void> => {
      const [us, hk] = await heard();
      await waitFor(
        'media in both directions',
        async () => {
          const now = await heard();
          return now[0] > us + 30 && now[1] > hk + 30;
        },
        40_000,
      );
    };

    it('goes from datacenter to datacenter over the link between them, and heals after it was cut', async () => {
      await flows();
      hosts.network.cut('sjc', 'hkg');
      await sleep(300);
      const before = await heard();
      await sleep(1500);
      expect(await heard()).toEqual(before);
      hosts.network.mend('sjc', 'hkg');
      await flows();
    }, 90_000);

    it('loses next to nothing over a link that loses 5 %, since nodes repair it', async () => {
      const heardOfUs = async () => {
        const { heard: all, missing } = await at('hk').view('hk');
        return { heard: all.us ?? 0, missing: missing.us ?? 0 };
      };
      // By a packet filter, since not every kernel has netem.
      hosts.network.lose('hkg', 0.05);
      const before = await heardOfUs();
      await waitFor('200 packets', async () => (await heardOfUs()).heard > before.heard + 200);
      hosts.network.lose('hkg', 0);
      // Ten of them were lost, more or less.
      expect((await heardOfUs()).missing - before.missing).toBeLessThan(3);
    }, 40_000);

    it('goes on in the same seats after somebody’s cable was pulled for three seconds', async () => {
      const seats = async () =>
        [await at('us').view('us'), await at('hk').view('hk')].map(({ peerId }) => peerId);
      const before = await seats();
      hosts.network.unplug('hk');
      await sleep(3000);
      hosts.network.plug('hk');
      await flows();
      expect(await seats()).toEqual(before);
      expect((await at('hk').view('hk')).statuses).not.toContain('rejoining');
    }, 90_000);

    it('meets at hkg when sjc is gone from the network, and nobody is sent to sha', async () => {
      hosts.network.unplug('sjc');
      await waitFor('the other seat', async () => (await at('us').view('us')).datacenter === 'hkg', 60_000);
      await flows();
      expect(decided('sha', 'wide')).toEqual([]);
      hosts.network.plug('sjc');
    }, 120_000);
  });
});
