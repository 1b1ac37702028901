import { EventEmitter } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import type {
  MediaRoomEvents,
  PipeAnswer,
  PipedProducer,
  PipeEnd,
  PipeRequest,
  PipeTarget,
  RemoteProducer,
} from '../media/types.ts';
import type { Label } from '../policy/model.ts';
import { WatershedError } from '../protocol/errors.ts';
import { waitFor } from '../testing/wait.ts';
import { CLOSE, OPEN, RENEW } from './pipe-messages.ts';
import type { PipedRoom } from './pipe-types.ts';
import { withPolicy, zoom2020 } from './testing/door.ts';
import { type LinkedNode, TestCloud } from './testing/linked-nodes.ts';

const US: Label = { home: 'us', evidence: ['us'], regions: null };
const US_AND_CN: Label = { home: 'us', evidence: ['cn', 'us'], regions: null };
const US_AND_EU: Label = { home: 'us', evidence: ['eu', 'us'], regions: null };
const CN: Label = { home: 'cn', evidence: ['cn'], regions: null };
const ROOM = 'room-key-of-22-letters';
const END: PipeEnd = {
  ip: '192.0.2.7',
  port: 40_000,
  srtpParameters: { cryptoSuite: 'AEAD_AES_256_GCM', keyBase64: `${'A'.repeat(59)}=` },
};
const REQUEST: PipeRequest = { pipeId: 'pipe', producerId: 'producer', peerId: 'ann', end: END };

/** The media of a room, as far as pipes see it, which remembers what it sends where. */
class FakePipedRoom extends EventEmitter<MediaRoomEvents> implements PipedRoom {
  readonly piped = new Map<string, PipeTarget>();
  readonly wanted: unknown[] = [];
  /** What `pipe` waits for. */
  opening: Promise<void> = Promise.resolve();
  readonly #peerId: string;

  constructor(peerId = 'ann') {
    super();
    this.#peerId = peerId;
  }

  describe(producerId: string): RemoteProducer | undefined {
    if (producerId !== 'producer') return undefined;
    return {
      producerId,
      peerId: this.#peerId,
      kind: 'audio',
      source: 'microphone',
      paused: false,
      pausedBy: null,
      topLayer: 0,
      type: 'simple',
      router: 'router',
    };
  }

  async pipe(to: PipeTarget, { producerId }: PipeRequest): Promise<PipeAnswer> {
    await this.opening;
    this.piped.set(`${to.node} ${producerId}`, to);
    const codecs = [{ mimeType: 'audio/opus', payloadType: 100, clockRate: 48_000, channels: 2 }];
    return { end: { ...END, port: 40_001 }, rtpParameters: { codecs }, paused: false };
  }

  unpipe({ node }: { node: string }, { producerId }: PipedProducer): void {
    this.piped.delete(`${node} ${producerId}`);
  }

  setRemoteWanted(...wanted: [string, string, number | null]): void {
    this.wanted.push(wanted);
  }
}

let cloud: TestCloud;
afterEach(() => cloud.close());

/** ann of us sits at sjc; hkg receives. */
async function twoNodes() {
  cloud = new TestCloud();
  const [sjc, hkg] = [await cloud.start('a', 'sjc'), await cloud.start('b', 'hkg')];
  const media = new FakePipedRoom();
  const labels: Record<string, Label> = { ann: US };
  const detach = sjc.pipes.attach(ROOM, media, (peerId) => labels[peerId]);
  const known: Record<string, Label> = { ann: US };
  const source = hkg.pipes.sourceFor(ROOM, sjc.target, (peerId) => known[peerId]);
  const losses: string[] = [];
  const open = (request = REQUEST) => source.open(request, () => losses.push(request.producerId));
  return { sjc, hkg, media, labels, known, source, open, losses, detach };
}

const counts = ({ pipes }: LinkedNode) => pipes.stats();
const seen = (node: LinkedNode) =>
  node.decisions.map(({ kind, code, here, pipe }) => [kind, code, here, pipe?.direction, pipe?.datacenter]);

async function ended(node: LinkedNode, direction: string, reason: string): Promise<number> {
  const metric = await node.metrics.getSingleMetric('watershed_pipe_leases_ended_total')?.get();
  return (
    metric?.values.find(({ labels }) => labels.direction === direction && labels.reason === reason)?.value ??
    0
  );
}

describe('a lease', () => {
  test('is granted when both sides admit, and both have it on record with both policies', async () => {
    const { sjc, hkg, media, open } = await twoNodes();
    hkg.policy = withPolicy(zoom2020(), { version: 13 });
    const answer = await open();
    expect(answer.end.port).toBe(40_001);
    expect([...media.piped.values()]).toEqual([{ node: 'hkg/b', datacenter: 'hkg' }]);
    expect(counts(sjc)).toEqual({ out: 1, in: 0 });
    expect(counts(hkg)).toEqual({ out: 0, in: 1 });
    expect(seen(sjc)).toEqual([['admit', 'admitted', 'sjc', 'out', 'hkg']]);
    expect(seen(hkg)).toEqual([['admit', 'admitted', 'hkg', 'in', 'sjc']]);
    const [out] = sjc.decisions;
    const [into] = hkg.decisions;
    expect(out?.policy).toBe(sjc.policy?.digest);
    expect(out?.pipe?.farPolicy).toBe(hkg.policy?.digest);
    expect(out?.pipe?.nonce).toBe(into?.pipe?.nonce);
  });

  test('where the receiver knows no label, or another, it decides by the one it is told, before anything flows', async () => {
    const { sjc, hkg, media, labels, known, open } = await twoNodes();
    delete known.ann;
    await open();
    expect(seen(sjc)).toHaveLength(2);
    expect(seen(hkg)).toEqual([['admit', 'admitted', 'hkg', 'in', 'sjc']]);

    // By the receiver's policy hkg is closed; the sender, which has not heard of it, would send.
    hkg.pipes.rejudge();
    labels.ann = US_AND_EU;
    hkg.policy = withPolicy(zoom2020(), { closed: ['hkg'], version: 13 });
    media.piped.clear();
    await expect(open({ ...REQUEST, producerId: 'producer', pipeId: 'other' })).rejects.toMatchObject({
      code: 'region_not_admitted',
    });
    expect(media.piped.size).toBe(0);
  });

  test('that is asked for again with another end is over, and nothing flows without one', async () => {
    const { sjc, hkg, media } = await twoNodes();
    const link = await hkg.link(sjc);
    const message = {
      room: ROOM,
      pipeId: 'pipe',
      producerId: 'producer',
      peerId: 'ann',
      nonce: 'A'.repeat(22),
      label: US,
      policy: '',
      end: END,
    };
    await link.request(OPEN, message);
    expect(media.piped.size).toBe(1);
    media.opening = Promise.reject(new WatershedError('bad_request', 'this pipe has other ends'));
    media.opening.catch(() => {});
    await expect(link.request(OPEN, { ...message, end: { ...END, port: 50_000 } })).rejects.toMatchObject({
      code: 'bad_request',
    });
    expect(counts(sjc).out).toBe(0);
    expect(media.piped.size).toBe(0);
  });

  test('is released by the receiver', async () => {
    const { sjc, hkg, media, source, open, losses } = await twoNodes();
    await open();
    source.wanted('producer', null);
    source.release(REQUEST);
    expect(counts(hkg)).toEqual({ out: 0, in: 0 });
    await waitFor('the sender', () => counts(sjc).out === 0);
    expect(media.piped.size).toBe(0);
    expect(media.wanted).toEqual([['hkg/b', 'producer', null]]);
    expect(losses).toEqual([]);
    expect(await ended(sjc, 'out', 'released')).toBe(1);
  });

  test('that is released while it is being opened, is not left open', async () => {
    const { sjc, media, source, open } = await twoNodes();
    let go: () => void = () => {};
    media.opening = new Promise((resolve) => {
      go = resolve;
    });
    const opening = open().catch((error: unknown) => error);
    await waitFor('the request', () => counts(sjc).out === 1);
    source.release(REQUEST);
    await waitFor('the release', () => counts(sjc).out === 0);
    go();
    expect(await opening).toMatchObject({ code: 'not_found' });
    expect(media.piped.size).toBe(0);
  });

  test('ends with the producer, and with the room', async () => {
    const { sjc, hkg, media, open, losses, detach } = await twoNodes();
    await open();
    media.emit('unpiped', {
      node: 'hkg/b',
      datacenter: 'hkg',
      pipeId: 'pipe',
      producerId: 'producer',
      peerId: 'ann',
    });
    await waitFor('the receiver', () => losses.length === 1);
    expect(counts(sjc).out).toBe(0);
    await open();
    detach();
    expect(media.piped.size).toBe(0);
    await waitFor('the receiver again', () => losses.length === 2);
    expect(counts(hkg).in).toBe(0);
    await expect(open()).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('renewal', () => {
  test('keeps a lease for as long as the link is there', async () => {
    const { sjc, hkg, media, open, losses } = await twoNodes();
    await open();
    for (let i = 0; i < 8; i += 1) {
      cloud.clock += 10_000;
      await settled(hkg, sjc);
    }
    expect(media.piped.size).toBe(1);
    expect(losses).toEqual([]);
    expect(counts(sjc).out).toBe(1);
  });

  test('a link that is back within 30 s interrupts nothing', async () => {
    const { sjc, hkg, media, source, open, losses } = await twoNodes();
    await open();
    hkg.cut();
    for (let i = 0; i < 28; i += 1) {
      cloud.clock += 1000;
      await turns();
    }
    source.wanted('producer', 0);
    expect(media.piped.size).toBe(1);
    hkg.mend();
    cloud.clock += 1000;
    await waitFor('the renewal, with what was not said meanwhile', () => media.wanted.length === 1);
    expect(media.wanted).toEqual([['hkg/b', 'producer', 0]]);
    cloud.clock += 20_000;
    await settled(hkg, sjc);
    expect(media.piped.size).toBe(1);
    expect(losses).toEqual([]);
    expect([counts(sjc).out, counts(hkg).in]).toEqual([1, 1]);
  });

  test('after 30 s without it both ends are closed, each by its own clock', async () => {
    const { sjc, hkg, media, open, losses } = await twoNodes();
    await open();
    hkg.cut();
    cloud.clock += 30_000;
    await turns();
    expect([counts(sjc).out, counts(hkg).in, losses.length]).toEqual([1, 1, 0]);
    cloud.clock += 1;
    await waitFor('both', () => counts(sjc).out === 0 && counts(hkg).in === 0);
    expect(media.piped.size).toBe(0);
    expect(losses).toEqual(['producer']);
    expect([await ended(sjc, 'out', 'lapsed'), await ended(hkg, 'in', 'lapsed')]).toEqual([1, 1]);
    hkg.mend();
    await open();
    expect(media.piped.size).toBe(1);
  });

  test('tells the receiver of a lease that the sender does not have', async () => {
    const { sjc, hkg, open, losses } = await twoNodes();
    await open();
    // A sender that was started anew has no lease, and no link to say so over.
    hkg.cut();
    sjc.pipes.close();
    hkg.mend();
    cloud.clock += 10_000;
    await waitFor('the receiver', () => losses.length === 1);
    expect(counts(hkg).in).toBe(0);
  });
});

describe('both sides decide', () => {
  test('the sender, whatever the receiver says', async () => {
    const { sjc, labels, media, open } = await twoNodes();
    sjc.policy = withPolicy(zoom2020(), { closed: ['hkg'], version: 13 });
    await expect(open()).rejects.toMatchObject({ code: 'region_not_admitted' });
    expect(media.piped.size).toBe(0);
    sjc.policy = null;
    await expect(open()).rejects.toMatchObject({ code: 'policy_missing' });
    sjc.policy = zoom2020();
    delete labels.ann;
    await expect(open()).rejects.toMatchObject({ code: 'not_found' });
    expect(media.piped.size).toBe(0);
  });

  test('the receiver asks for nothing that it would refuse', async () => {
    const { sjc, hkg, open } = await twoNodes();
    hkg.policy = withPolicy(zoom2020(), { closed: ['hkg'], version: 13 });
    await expect(open()).rejects.toMatchObject({ code: 'region_not_admitted' });
    expect(sjc.decisions).toEqual([]);
    expect(seen(hkg)).toEqual([['refuse', 'region_not_admitted', 'hkg', 'in', 'sjc']]);
  });

  test('a node that is behind its policy pipes nothing new, either way, and goes on with what is there', async () => {
    const { sjc, hkg, media, known, open, losses } = await twoNodes();
    await open();
    const other = { ...REQUEST, pipeId: 'other' };
    const behind = { code: 'not_ready' };
    sjc.behind = true;
    await expect(open(other)).rejects.toMatchObject(behind);
    sjc.behind = false;
    hkg.behind = true;
    await expect(open(other)).rejects.toMatchObject(behind);
    delete known.ann;
    await expect(open(other)).rejects.toMatchObject(behind);
    sjc.behind = true;
    sjc.pipes.rejudge();
    hkg.pipes.rejudge();
    cloud.clock += 10_000;
    await settled(hkg, sjc);
    expect([counts(sjc).out, counts(hkg).in, media.piped.size]).toEqual([1, 1, 1]);
    expect(losses).toEqual([]);
  });

  test('again after a switch of policy: at once on the side that switched, and then on the other', async () => {
    const { sjc, hkg, media, open, losses } = await twoNodes();
    await open();
    sjc.policy = withPolicy(zoom2020(), { closed: ['hkg'], version: 13 });
    sjc.pipes.rejudge();
    expect(media.piped.size).toBe(0);
    await waitFor('the receiver', () => losses.length === 1);
    expect(seen(sjc).at(-1)).toEqual(['refuse', 'region_not_admitted', 'sjc', 'out', 'hkg']);

    sjc.policy = zoom2020();
    await open();
    hkg.policy = withPolicy(zoom2020(), { closed: ['hkg'], version: 13 });
    hkg.pipes.rejudge();
    expect(losses).toHaveLength(2);
    await waitFor('the sender', () => media.piped.size === 0);
    expect(await ended(hkg, 'in', 'refused')).toBe(1);
  });

  test('at once where the other end is no node of the cloud any more, on either side', async () => {
    const { sjc, hkg, media, open, losses } = await twoNodes();
    await open();
    sjc.pipes.rejudge([hkg.target]);
    expect(media.piped.size).toBe(0);
    expect(await ended(sjc, 'out', 'refused')).toBe(1);
    await waitFor('the receiver', () => losses.length === 1);
    await open();
    hkg.pipes.rejudge([sjc.target]);
    expect(losses).toHaveLength(2);
    expect(await ended(hkg, 'in', 'refused')).toBe(1);
  });

  test('again when a label grows: the receiver hears of it with a renewal', async () => {
    const { sjc, hkg, media, labels, known, open, losses } = await twoNodes();
    delete known.ann;
    await open();
    const plain = zoom2020();
    const hk = plain.policy.regions.get('hk');
    if (!hk) throw new Error('no hk');
    const regions = new Map(plain.policy.regions).set('hk', { ...hk, admits: ['hk', 'us'] });
    hkg.policy = withPolicy(plain, { regions });
    labels.ann = US_AND_EU;
    sjc.pipes.rejudge();
    expect(media.piped.size).toBe(1);
    cloud.clock += 10_000;
    await waitFor('the receiver', () => losses.length === 1);
    expect(seen(hkg).at(-1)).toEqual(['refuse', 'region_not_admitted', 'hkg', 'in', 'sjc']);
    await waitFor('the sender', () => media.piped.size === 0);
  });

  test('an end that is not at an address of its datacenter is refused', async () => {
    const { sjc, hkg, media, open } = await twoNodes();
    const plain = zoom2020();
    const site = plain.policy.datacenters.get('hkg');
    if (!site) throw new Error('no hkg');
    const datacenters = new Map(plain.policy.datacenters).set('hkg', { ...site, media: ['192.0.2.0/29'] });
    sjc.policy = withPolicy(plain, { datacenters });
    await expect(open({ ...REQUEST, end: { ...END, ip: '192.0.2.8' } })).rejects.toMatchObject({
      code: 'address_refused',
    });
    expect(media.piped.size).toBe(0);
    await open();
    expect(media.piped.size).toBe(1);
    expect(counts(hkg).in).toBe(1);
  });
});

describe('a node of sha', () => {
  const ask = (over: object = {}) => ({
    ...REQUEST,
    room: ROOM,
    label: US,
    policy: zoom2020().digest,
    nonce: 'A'.repeat(22),
    ...over,
  });

  test('with a certificate of its own gets nothing of us, whatever it claims', async () => {
    cloud = new TestCloud();
    const [hkg, sha] = [await cloud.start('b', 'hkg'), await cloud.start('evil', 'sha')];
    const media = new FakePipedRoom();
    hkg.pipes.attach(ROOM, media, (peerId) => (peerId === 'ann' ? US : undefined));
    const link = await sha.link(hkg);
    const refused = { code: 'region_not_admitted' };
    await expect(link.request(OPEN, ask())).rejects.toMatchObject(refused);
    // It is not asked what it is, and not told the label of whom it may not have.
    await expect(link.request(OPEN, ask({ label: CN, datacenter: 'hkg' }))).rejects.toMatchObject(refused);
    await expect(link.request(OPEN, ask({ label: null }))).rejects.toMatchObject(refused);
    await expect(link.request(OPEN, ask({ peerId: 'bob' }))).rejects.toMatchObject({ code: 'not_found' });
    await expect(link.request(OPEN, ask({ end: { ...END, ip: 'sha.example' } }))).rejects.toMatchObject({
      code: 'bad_request',
    });
    expect(media.piped.size).toBe(0);
    expect(seen(hkg)).toEqual(Array(3).fill(['refuse', 'region_not_admitted', 'hkg', 'out', 'sha']));
    // With the same id at the right place it may have what is cn's alone.
    const cn = new FakePipedRoom('cec');
    hkg.pipes.attach('cn-room', cn, (peerId) => (peerId === 'cec' ? CN : undefined));
    await link.request(OPEN, ask({ room: 'cn-room', peerId: 'cec', label: CN }));
    expect([...cn.piped.values()]).toEqual([{ node: 'sha/evil', datacenter: 'sha' }]);
  });

  test("neither renews nor closes another's lease, nor pretends to be the sender", async () => {
    const { sjc, hkg, media, open, losses } = await twoNodes();
    await open();
    const nonce = sjc.decisions[0]?.pipe?.nonce ?? '';
    const sha = await cloud.start('b', 'sha');
    const link = await sha.link(sjc);
    const named = { pipeId: 'pipe', producerId: 'producer', nonce };
    expect(await link.request(RENEW, { policy: '', leases: [named] })).toMatchObject({
      gone: [{ pipeId: 'pipe', producerId: 'producer' }],
    });
    link.notice(CLOSE, named);
    link.notice('pipe.wanted', { room: ROOM, producerId: 'producer', layer: null });
    const toHkg = await sha.link(hkg);
    toHkg.notice('pipe.closed', named);
    await link.request(RENEW, { policy: '', leases: [] });
    await toHkg.request(RENEW, { policy: '', leases: [] });
    expect(media.piped.size).toBe(1);
    expect(media.wanted).toEqual([]);
    expect(losses).toEqual([]);
    // Nor does the receiver itself, by another nonce.
    const own = await hkg.link(sjc);
    own.notice(CLOSE, { ...named, nonce: 'B'.repeat(22) });
    await expect(own.request(OPEN, ask({ nonce: 'B'.repeat(22) }))).rejects.toMatchObject({
      code: 'bad_request',
    });
    expect(media.piped.size).toBe(1);
  });

  test('gets no more once a label says that it may not', async () => {
    cloud = new TestCloud();
    const [hkg, sha] = [await cloud.start('b', 'hkg'), await cloud.start('c', 'sha')];
    const media = new FakePipedRoom();
    const labels: Record<string, Label> = { ann: CN };
    hkg.pipes.attach(ROOM, media, (peerId) => labels[peerId]);
    const losses: string[] = [];
    await sha.pipes.sourceFor(ROOM, hkg.target).open(REQUEST, () => losses.push('ann'));
    expect(media.piped.size).toBe(1);
    labels.ann = US_AND_CN;
    hkg.pipes.rejudge();
    expect(media.piped.size).toBe(0);
    await waitFor('sha', () => losses.length === 1);
  });
});

/** Long enough for timers of 10 ms to look at the clock, whatever else the machine does. */
async function turns(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 25));
}

/** A renewal that was due has been asked for and answered: a request of ours on the same link comes after it. */
async function settled(from: LinkedNode, to: LinkedNode): Promise<void> {
  await turns();
  await (await from.link(to)).request(RENEW, { policy: '', leases: [] });
  await turns();
}
