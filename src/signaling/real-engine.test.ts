import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { startEngine } from '../media/testing/fixture.ts';
import type { MediaEngine } from '../media/types.ts';
import { HostFixture } from './testing/host-fixture.ts';
import { eventually, type TestClient } from './testing/test-client.ts';

let engine: MediaEngine;
let fixture: HostFixture;

beforeAll(async () => {
  engine = await startEngine({ workers: 2 });
});
afterAll(() => engine.close());
afterEach(() => fixture.close());

const OPUS = {
  codecs: [{ mimeType: 'audio/opus', payloadType: 111, clockRate: 48000, channels: 2 }],
  encodings: [{ ssrc: 1111 }],
};

interface Media {
  readonly client: TestClient;
  readonly send: string;
  readonly receive: string;
}

/** Joins and asks for both transports in one go, as clients do. */
async function enter(room: string): Promise<Media> {
  const client = await fixture.connect({ room });
  const join = client.send('join', { rtpCapabilities: engine.routerRtpCapabilities });
  const media = makeMedia(client);
  const frame = await client.response(join);
  if (frame.type !== 'response' || !frame.ok) throw new Error('not joined');
  client.joined = frame.data;
  return media;
}

async function makeMedia(client: TestClient): Promise<Media> {
  const [send, receive] = await Promise.all([
    client.request('createTransport', { direction: 'send' }),
    client.request('createTransport', { direction: 'receive' }),
  ]);
  return { client, send: send.transportId, receive: receive.transportId };
}

function publish({ client, send }: Media) {
  return client.request('produce', {
    transportId: send,
    kind: 'audio',
    source: 'microphone',
    rtpParameters: OPUS,
  });
}

it('announces producers, makes consumers, and keeps both across a resume with new ICE credentials', async () => {
  fixture = await new HostFixture({ realEngine: engine }).start();
  const [ada, bob] = [await enter('one'), await enter('one')];
  const { producerId } = await publish(ada);
  expect((await bob.client.event('producerAdded')).producer.producerId).toBe(producerId);
  const { consumers } = await bob.client.event('consumersCreated');
  expect(consumers).toMatchObject([{ producerId, peerId: ada.client.peerId, source: 'microphone' }]);
  await bob.client.request('resumeConsumers', { consumerIds: consumers.map((c) => c.consumerId) });
  expect((await bob.client.request('getStats')).stats.length).toBeGreaterThan(0);

  const seen = bob.client.lastSeq;
  bob.client.cut();
  const back = await fixture.connectToResume(bob.client.resumeToken);
  await expect(back.request('resume', { lastSeq: seen })).resolves.toMatchObject({ mode: 'replayed' });
  const { iceParameters } = await back.request('restartIce', { transportId: bob.receive });
  expect(iceParameters.usernameFragment).not.toBe('');
});

it('refuses a bitrate that is no whole number: it would put the worker out of reach for everybody', async () => {
  fixture = await new HostFixture({ realEngine: engine }).start();
  const [ada, bob] = [await enter('one'), await enter('one')];
  const odd = { ...OPUS, encodings: [{ ssrc: 1111, maxBitrate: 1.5 }] };
  const request = { transportId: ada.send, kind: 'audio', source: 'microphone', rtpParameters: odd };
  await expect(ada.client.request('produce', request)).rejects.toThrow('bad_request');
  const { producerId } = await publish(bob);
  expect((await ada.client.event('consumersCreated')).consumers).toMatchObject([{ producerId }]);
});

it('names every consumer again after a fresh resume', async () => {
  fixture = await new HostFixture({ realEngine: engine, limits: { replayNotifications: 0 } }).start();
  const [ada, bob] = [await enter('one'), await enter('one')];
  await publish(ada);
  const [before] = (await bob.client.event('consumersCreated')).consumers;
  bob.client.cut();
  const back = await fixture.connectToResume(bob.client.resumeToken);
  await expect(back.request('resume', { lastSeq: 0 })).resolves.toMatchObject({ mode: 'fresh' });
  const [again] = (await back.event('consumersCreated')).consumers;
  expect(again?.consumerId).toBe(before?.consumerId);
});

it('has those on a killed worker make new transports, and leaves the others alone', async () => {
  fixture = await new HostFixture({ realEngine: engine }).start();
  const [ada, bob] = [await enter('one'), await enter('one')];
  // Rooms go to the worker with the least measured load, which may be the same one.
  let carol = await enter('two');
  for (let i = 0; i < 10 && engine.workers().some(({ routers }) => routers === 0); i++) {
    carol = await enter(`two-${i}`);
  }
  await publish(ada);
  await publish(carol);
  await bob.client.event('consumersCreated');
  const struck = engine.workers().find((worker) => worker.consumers > 0);
  process.kill(struck?.pid ?? 0, 'SIGKILL');

  expect(await ada.client.event('mediaReset')).toEqual({ reason: 'worker_died' });
  await bob.client.event('mediaReset');
  expect((await bob.client.event('producerRemoved')).peerId).toBe(ada.client.peerId);
  const [adaAgain] = await Promise.all([makeMedia(ada.client), makeMedia(bob.client)]);
  const { producerId } = await publish(adaAgain);
  expect((await bob.client.event('producerAdded', 1)).producer.producerId).toBe(producerId);
  expect((await bob.client.event('consumersCreated', 1)).consumers).toMatchObject([{ producerId }]);
  await carol.client.request('ping');
  expect(carol.client.events).not.toContain('mediaReset');
  await eventually('the worker to be back', () => engine.workers().every(({ state }) => state === 'running'));
});

it('closes what a switch of policy forbids, and tells the peer', async () => {
  fixture = await new HostFixture({ realEngine: engine }).start();
  const [ada, bob] = [await enter('one'), await enter('one')];
  await publish(ada);
  const [consumer] = (await bob.client.event('consumersCreated')).consumers;
  fixture.admission.allowed = () => false;
  const stays = fixture.host.rejudgeAll();
  await stays;
  expect(await ada.client.closed()).toBe(4403);
  expect(await bob.client.closed()).toBe(4403);
  expect(consumer).toBeDefined();
  await eventually('the workers to be empty', () =>
    engine.workers().every(({ consumers }) => consumers === 0),
  );
  expect(fixture.host.stats()).toMatchObject({ sessions: 0, peers: 0 });
});
