import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Attempt } from '../../src/client/connector.ts';
import { startCuttableProxy } from '../../src/e2e/harness/cuttable-proxy.ts';
import { startNode, type TestNode } from '../../src/e2e/harness/node.ts';
import { localPolicy } from '../../src/e2e/harness/policies.ts';
import { MemoryRegistry } from '../../src/registry/memory.ts';
import { freePort } from '../../src/testing/free-port.ts';
import { waitFor } from '../../src/testing/wait.ts';
import type { JoinTokenClaims } from '../../src/tokens/issue.ts';
import { generateSigningKey } from '../../src/tokens/keys.ts';
import { startLocalNode } from '../testing/local-node.ts';
import {
  createParticipant,
  type Participant,
  type ParticipantOptions,
  type Received,
  type Sent,
} from './participant.ts';

const participants: Participant[] = [];
const closers: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  await Promise.all(participants.splice(0).map((participant) => participant.leave()));
  for (const close of closers.splice(0).reverse()) await close();
});

async function join(
  node: TestNode,
  options: Partial<ParticipantOptions> = {},
  claims: Partial<JoinTokenClaims> = {},
): Promise<Participant> {
  const token = await node.token({ room: 'garden', ...claims });
  const participant = createParticipant({ token, frontDoors: [node.url], ...options });
  participants.push(participant);
  expect(await participant.join()).toEqual({ ok: true, value: 'joined' });
  return participant;
}

async function received(participant: Participant, source: string): Promise<Received | undefined> {
  return (await participant.stats()).received.find((stream) => stream.source === source);
}

async function sent(participant: Participant, source: string): Promise<Sent[]> {
  return (await participant.stats()).sent.filter((stream) => stream.source === source);
}

/** Waits until so many more packets of a source came than had come at the call. */
async function flows(participant: Participant, source: string, packets = 20): Promise<void> {
  const before = (await received(participant, source))?.packets ?? 0;
  await waitFor(`${packets} more packets of ${source}`, async () => {
    const now = (await received(participant, source))?.packets ?? 0;
    return now >= before + packets || (now < before && now >= packets);
  });
}

/** Waits until nothing of a stream came for a while. */
async function rests(count: () => Promise<number>, what: string): Promise<void> {
  let last = await count();
  let since = performance.now();
  await waitFor(what, async () => {
    const now = await count();
    if (now !== last) since = performance.now();
    last = now;
    return performance.now() - since > 700;
  });
}

test('who sends far more than it may loses that source, is told why, and stays in the call', async () => {
  const yaml = `media: { workers: 1, basePort: 0, listen: [{ ip: '127.0.0.1' }], limits: { maxIncomingBitrate: 200000 } }`;
  const node = await startLocalNode({ yaml });
  closers.push(() => node.close());
  const [ada, bea] = [await join(node, { publish: ['microphone'] }), await join(node)];
  const failed: string[] = [];
  ada.client.on('publicationFailed', (source, { code }) => failed.push(`${source} ${code}`));
  // One stream, of 800 kbit/s; synthetic participants know nothing of REMB.
  const shape = { fill: 1, width: 320, height: 180 };
  const wanted = { source: 'camera', maxBitrate: 800_000, simulcast: false, shape } as const;
  expect(await ada.publish(wanted)).toMatchObject({ ok: true });
  await flows(bea, 'camera');
  await waitFor('the end of the camera', () => failed.length > 0);
  expect(failed).toEqual(['camera bitrate_exceeded']);
  await waitFor('its end at the others', async () => (await received(bea, 'camera')) === undefined);
  await flows(bea, 'microphone');
  expect(ada.client.publications.map(({ source }) => source)).toEqual(['microphone']);
  // It may try again, with less.
  const modest = { ...wanted, maxBitrate: 100_000 };
  expect(await ada.publish(modest)).toMatchObject({ ok: true });
  await flows(bea, 'camera', 60);
});

describe('synthetic participants at a node', () => {
  let node: TestNode;
  beforeEach(async () => {
    node = await startLocalNode();
    closers.push(() => node.close());
  });

  test('exchange stamped Opus and VP8, both ways', async () => {
    const ada = await join(node, { displayName: 'Ada', publish: ['microphone', 'camera'] });
    const bea = await join(node, { displayName: 'Bea', publish: ['microphone', 'camera'] });
    for (const participant of [ada, bea]) {
      await waitFor('media from the other', async () => {
        const { received: streams } = await participant.stats();
        return streams.length === 2 && streams.every(({ stamped }) => stamped >= 50);
      });
      const camera = await received(participant, 'camera');
      expect(camera?.keyFrames).toBeGreaterThan(0);
      expect(camera?.frames).toBeGreaterThan(10);
      // Sent and received by the same clock, so never before it was sent.
      expect(camera?.latency?.p50).toBeGreaterThan(0);
      expect(camera?.latency?.p50).toBeLessThan(2000);
    }
    await waitFor('a speaker', () => ada.client.room?.dominant !== null);
  });

  test('get the simulcast layer they ask for, and the publisher stops what nobody watches', async () => {
    const ada = await join(node, { publish: ['camera'] });
    const bea = await join(node);
    const streams = async (): Promise<number[]> => (await sent(ada, 'camera')).map(({ stream }) => stream);
    const watched = async (): Promise<number> =>
      (await streams()).indexOf((await received(bea, 'camera'))?.lastStream ?? -1);
    const top = (await streams()).length - 1;
    expect(top).toBeGreaterThan(0);
    await waitFor('the top layer', async () => (await watched()) === top);
    const consumerId = (await received(bea, 'camera'))?.consumerId ?? '';
    expect(await bea.client.setConsumerLayers(consumerId, 0)).toMatchObject({ ok: true });
    await waitFor('the lowest layer', async () => (await watched()) === 0);
    await rests(
      async () => (await sent(ada, 'camera'))[top]?.packets ?? 0,
      'the top layer to be switched off',
    );
    await flows(bea, 'camera');

    expect(await bea.client.setConsumerLayers(consumerId, top)).toMatchObject({ ok: true });
    await waitFor('the top layer again', async () => (await watched()) === top);

    await bea.leave();
    await rests(
      async () => (await sent(ada, 'camera')).reduce((sum, { packets }) => sum + packets, 0),
      'all layers to be switched off when nobody watches',
    );
  });

  test('get the spatial layer of a VP9 stream that they ask for', async () => {
    const ada = await join(node, { publish: [{ source: 'camera', codec: 'vp9' }] });
    const bea = await join(node);
    const layer = async () => (await received(bea, 'camera'))?.lastSpatialLayer;
    await waitFor('the top layer', async () => (await layer()) === 2);
    expect((await sent(ada, 'camera')).length).toBe(1);
    const consumerId = (await received(bea, 'camera'))?.consumerId ?? '';
    for (const wanted of [0, 1, 2]) {
      expect(await bea.client.setConsumerLayers(consumerId, wanted)).toMatchObject({ ok: true });
      await waitFor(`layer ${wanted}`, async () => (await layer()) === wanted);
      await flows(bea, 'camera');
      expect(await layer()).toBe(wanted);
    }
    expect((await received(bea, 'camera'))?.keyFrames).toBeGreaterThan(1);
  });

  test('mute themselves, are muted by a host, and speak again', async () => {
    const ada = await join(node, { publish: ['microphone'] });
    const host = await join(node, {}, { role: 'host' });
    await flows(host, 'microphone');
    const heard = async (): Promise<number> => (await received(host, 'microphone'))?.packets ?? 0;
    expect(await ada.client.setPaused('microphone', true)).toEqual({ ok: true, value: undefined });
    await rests(heard, 'silence');
    const paused = (): boolean | undefined =>
      [...(host.client.room?.peers.values() ?? [])].flatMap(({ producers }) => producers)[0]?.paused;
    await waitFor('the host to see it', () => paused() === true);
    await ada.client.setPaused('microphone', false);
    await flows(host, 'microphone');

    const adaId = ada.client.room?.peerId ?? '';
    expect(await host.client.mutePeer(adaId)).toMatchObject({ ok: true });
    await waitFor('ada to know', () => ada.client.publications[0]?.pausedBy === 'host');
    await rests(heard, 'silence by the host');
    await ada.client.setPaused('microphone', false);
    await flows(host, 'microphone');
    expect(await ada.client.mutePeer(adaId)).toMatchObject({ ok: false, problem: { code: 'host_only' } });
  });

  test('stop and start a source, on the same transport', async () => {
    const ada = await join(node, { publish: ['microphone', 'camera'] });
    const bea = await join(node);
    for (let round = 0; round < 3; round += 1) {
      await flows(bea, 'camera');
      expect(await ada.client.unpublish('camera')).toMatchObject({ ok: true });
      await waitFor('the camera to be gone', async () => (await received(bea, 'camera')) === undefined);
      expect(await ada.publish('camera')).toMatchObject({ ok: true });
    }
    await flows(bea, 'camera');
    await flows(bea, 'microphone');
    expect(await ada.publish('camera')).toMatchObject({ ok: false, problem: { code: 'already_published' } });
  });

  test('with subscribe false receive nothing', async () => {
    await join(node, { publish: ['microphone'] });
    const deaf = await join(node, { subscribe: false });
    await waitFor('the track', () => deaf.client.tracks.length === 1);
    await rests(async () => (await received(deaf, 'microphone'))?.packets ?? 0, 'silence');
  });

  test('chat', async () => {
    const [ada, bea] = [await join(node, { displayName: 'Ada' }), await join(node, { displayName: 'Bea' })];
    expect(await ada.client.sendChat('Hello')).toMatchObject({ ok: true });
    const line = await waitFor('the line', () => bea.client.room?.chat[0]);
    expect(line).toMatchObject({ text: 'Hello', displayName: 'Ada' });
  });
});

describe('a cut socket', () => {
  test('is resumed: the same peer, the same transports, media all the while', async () => {
    const port = await freePort();
    const proxy = await startCuttableProxy(port);
    closers.push(() => proxy.close());
    const policy = localPolicy('policy.yaml', { local: `ws://127.0.0.1:${proxy.port}` });
    const node = await startNode({ port, policy });
    closers.push(() => node.close());

    const direct = await join(node, { publish: ['microphone'], url: node.url, frontDoors: undefined });
    const cut = await join(node, {
      publish: ['microphone'],
      url: `ws://127.0.0.1:${proxy.port}`,
      frontDoors: undefined,
    });
    await flows(direct, 'microphone');
    await flows(cut, 'microphone');
    const peerId = cut.client.room?.peerId;
    const consumerId = cut.client.tracks[0]?.consumerId;
    const statuses: string[] = [];
    cut.client.on('status', (status) => statuses.push(status));
    proxy.cut();
    await waitFor('the loss', () => cut.client.status === 'resuming');
    await flows(cut, 'microphone', 100);
    await flows(direct, 'microphone', 100);
    await direct.client.sendChat('Are you there?');
    proxy.mend();
    await waitFor('the resume', () => cut.client.status === 'joined');
    const line = await waitFor('what was said meanwhile', () => cut.client.room?.chat[0]);
    expect(line.text).toBe('Are you there?');
    expect(cut.client.room?.peerId).toBe(peerId);
    expect(cut.client.tracks[0]?.consumerId).toBe(consumerId);
    expect(statuses).toEqual(['resuming', 'joined']);
    await flows(cut, 'microphone', 50);
    await flows(direct, 'microphone', 50);
  });
});

describe('several datacenters', () => {
  const nodes = new Map<string, TestNode>();
  const at = (datacenter: string): TestNode => {
    const found = nodes.get(datacenter);
    if (found === undefined) throw new Error(`no node at ${datacenter}`);
    return found;
  };
  beforeEach(async () => {
    const names = ['fra', 'ams', 'sha'];
    const urls = new Map<string, string>();
    for (const name of names) urls.set(name, `ws://127.0.0.1:${await freePort()}`);
    const policy = localPolicy('policies/zoom-2020.yaml', Object.fromEntries(urls));
    const registry = new MemoryRegistry();
    const key = generateSigningKey();
    closers.push(() => registry.close());
    for (const [datacenter, url] of urls) {
      const node = await startNode({ datacenter, policy, registry, key, port: Number(new URL(url).port) });
      nodes.set(datacenter, node);
      closers.push(() => node.close());
    }
  });

  test('a node that closes sends its participants on, and they publish again', async () => {
    const options: Partial<ParticipantOptions> = {
      publish: ['microphone'],
      frontDoors: [at('ams').url, at('fra').url],
    };
    const ada = await join(at('fra'), options, { region: 'eu' });
    const bea = await join(at('fra'), options, { region: 'eu' });
    const seats = (): (string | undefined)[] => [ada, bea].map(({ client }) => client.seat?.datacenter);
    expect(seats()).toEqual(['fra', 'fra']);
    await flows(bea, 'microphone');
    await at('fra').close();
    await waitFor('both at ams', () => seats().join() === 'ams,ams');
    await flows(bea, 'microphone');
    await flows(ada, 'microphone');
  });

  test('a us participant at sha is led to its own list, without a transport there', async () => {
    const attempts: Attempt[] = [];
    const token = await at('sha').token({ room: 'summit', region: 'us' });
    const participant = createParticipant({ token, url: at('sha').url });
    participants.push(participant);
    participant.client.on('attempt', (attempt) => attempts.push(attempt));
    const outcome = await participant.join();
    expect(outcome).toEqual({ ok: true, value: 'joined' });
    expect(['fra', 'ams']).toContain(participant.client.seat?.datacenter);
    expect(attempts[0]).toMatchObject({
      url: at('sha').url,
      outcome: 'redirected',
      code: 'region_not_admitted',
    });
    expect(attempts.slice(1).map(({ datacenter }) => datacenter)).not.toContain('sha');
  });
});
