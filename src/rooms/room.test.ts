import { expect, it } from 'vitest';
import { admitPeer, denyPeer, endRoom, lockRoom, mutePeer, removePeer } from './host-actions.ts';
import { publish, unpublish } from './peer-media.ts';
import { admitted } from './testing/fake-admission.ts';
import { FakeOutlet } from './testing/fake-outlet.ts';
import { CAMERA, MICROPHONE, RoomsFixture, settled } from './testing/setup.ts';

it('tells everybody who comes and who goes', async () => {
  const fixture = new RoomsFixture();
  const ada = await fixture.join({ name: 'Ada' });
  const bob = await fixture.join({ name: 'Bob' });
  expect(ada.outlet.last('peerJoined')).toEqual({
    peer: {
      peerId: bob.peer.id,
      displayName: 'Bob',
      role: 'participant',
      datacenter: 'sjc',
      region: 'us',
      producers: [],
    },
  });
  expect(bob.outlet.events).toEqual([]);
  expect(bob.room.view(bob.peer).snapshot.peers.map(({ displayName }) => displayName)).toEqual(['Ada']);

  bob.room.drop(bob.peer, 'left', { kind: 'left' });
  expect(ada.outlet.last('peerLeft')).toEqual({ peerId: bob.peer.id, reason: 'left' });
  expect(bob.outlet.ending).toEqual({ kind: 'left' });
  expect(fixture.engine.room('standup').peers.size).toBe(1);
});

it('takes the name from the token before the one asked for, without control characters', async () => {
  const { rooms } = new RoomsFixture();
  const outcome = await rooms.join({
    admitted: admitted({ name: 'Ada\u202Eevil\u0007' }),
    displayName: 'Somebody else',
    rtpCapabilities: { codecs: [] },
    outlet: new FakeOutlet(),
  });
  expect(outcome).toMatchObject({ state: 'joined', snapshot: { displayName: 'Adaevil' } });
});

it('opens media once for those who come together', async () => {
  const fixture = new RoomsFixture();
  let open = (): void => undefined;
  fixture.engine.opening = new Promise((resolve) => {
    open = resolve;
  });
  const both = Promise.all([fixture.join(), fixture.join()]);
  await settled();
  open();
  await both;
  expect(fixture.engine.calls.filter((call) => call.startsWith('openRoom'))).toHaveLength(1);
  expect(fixture.rooms.stats()).toEqual({ rooms: 1, peers: 2, waiting: 0 });
});

it('seats nobody whose connection went away while media was opened', async () => {
  const fixture = new RoomsFixture();
  let open = (): void => undefined;
  fixture.engine.opening = new Promise((resolve) => {
    open = resolve;
  });
  const outlet = new FakeOutlet();
  const joining = fixture.rooms.join({
    admitted: admitted(),
    displayName: undefined,
    rtpCapabilities: { codecs: [] },
    outlet,
  });
  await settled();
  outlet.open = false;
  open();
  await expect(joining).rejects.toMatchObject({ code: 'not_joined' });
  expect(fixture.engine.calls).not.toContain('addPeer');
  expect(fixture.rooms.stats().peers).toBe(0);
});

it('undoes a seat that media refuses', async () => {
  const fixture = new RoomsFixture();
  const joining = fixture.rooms.join({
    admitted: admitted(),
    displayName: undefined,
    rtpCapabilities: {},
    outlet: new FakeOutlet(),
  });
  await expect(joining).rejects.toMatchObject({ code: 'unsupported_media' });
  expect(fixture.engine.room('standup').peers.size).toBe(0);
  fixture.clock.advance(15_000);
  expect(fixture.rooms.stats().rooms).toBe(0);
});

it('refuses with an error of its own at each limit', async () => {
  const fixture = new RoomsFixture({ peersPerRoom: 2, roomsPerNode: 2 });
  await fixture.join({ room: 'one' });
  const bob = await fixture.join({ room: 'one' });
  await expect(fixture.join({ room: 'one' })).rejects.toMatchObject({ code: 'room_full' });
  await fixture.join({ room: 'two' });
  await expect(fixture.join({ room: 'three' })).rejects.toMatchObject({ code: 'node_full' });
  bob.room.drop(bob.peer, 'left', { kind: 'left' });
  await expect(fixture.join({ room: 'one' })).resolves.toBeDefined();
});

it('counts those being seated against the limit', async () => {
  const fixture = new RoomsFixture({ peersPerRoom: 1 });
  const results = await Promise.allSettled([fixture.join(), fixture.join()]);
  expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
});

it('closes an empty room after a while, and not when somebody came back', async () => {
  const fixture = new RoomsFixture({ emptySeconds: 15 });
  const ada = await fixture.join();
  ada.room.drop(ada.peer, 'left', { kind: 'left' });
  fixture.clock.advance(14_000);
  const bob = await fixture.join();
  expect(bob.room).toBe(ada.room);
  fixture.clock.advance(60_000);
  expect(fixture.rooms.stats().rooms).toBe(1);
  bob.room.drop(bob.peer, 'left', { kind: 'left' });
  fixture.clock.advance(15_000);
  await settled();
  expect(fixture.rooms.stats().rooms).toBe(0);
  expect(fixture.engine.rooms.size).toBe(0);
  expect(fixture.clock.pending).toBe(0);
});

it('ends a room at its maximum duration', async () => {
  const fixture = new RoomsFixture({ maxDurationSeconds: 3600 });
  const ada = await fixture.join();
  expect(ada.room.info.endsAt).toBe(Math.floor(fixture.clock.wallMs() / 1000) + 3600);
  fixture.clock.advance(3_599_000);
  expect(ada.outlet.ending).toBeNull();
  fixture.clock.advance(1000);
  expect(ada.outlet.ending).toEqual({ kind: 'bye', code: 'room_expired', close: 4410 });
  await settled();
  expect(fixture.engine.rooms.size).toBe(0);
  await expect(fixture.join()).rejects.toMatchObject({ code: 'room_expired' });
});

it('announces what is published, and what is paused, resumed and withdrawn', async () => {
  const fixture = new RoomsFixture();
  const ada = await fixture.join();
  const bob = await fixture.join();
  const { producerId } = await publish(ada.room, ada.peer, CAMERA);
  const producer = { producerId, kind: 'video', source: 'camera', paused: false };
  expect(bob.outlet.last('producerAdded')).toEqual({ peerId: ada.peer.id, producer });
  expect(bob.room.view(bob.peer).snapshot.peers[0]?.producers).toEqual([producer]);
  await ada.peer.media.pauseProducer(producerId, 'publisher');
  expect(bob.outlet.last('producerUpdated')).toEqual({
    peerId: ada.peer.id,
    producer: { ...producer, paused: true },
  });
  unpublish(ada.room, ada.peer, producerId);
  expect(bob.outlet.last('producerRemoved')).toEqual({ peerId: ada.peer.id, producerId });
  expect(ada.outlet.events).toEqual(['peerJoined']);
  await expect(publish(ada.room, ada.peer, { ...CAMERA, kind: 'audio' })).rejects.toMatchObject({
    code: 'unsupported_media',
  });
});

it('withdraws everything of a peer whose worker died, and asks it to start anew', async () => {
  const fixture = new RoomsFixture();
  const ada = await fixture.join();
  const bob = await fixture.join();
  const { producerId } = await publish(ada.room, ada.peer, CAMERA);
  const media = fixture.engine.room('standup').peer(ada.peer.id);
  media.made.length = 0;
  media.emit('reset', { reason: 'worker_died' });
  expect(bob.outlet.last('producerRemoved')).toEqual({ peerId: ada.peer.id, producerId });
  expect(ada.outlet.last('mediaReset')).toEqual({ reason: 'worker_died' });
  expect(bob.outlet.events).not.toContain('mediaReset');
});

it('passes media events on to the peer, in batches that fit a frame', async () => {
  const fixture = new RoomsFixture();
  const ada = await fixture.join();
  const media = fixture.engine.room('standup').peer(ada.peer.id);
  const consumers = Array.from({ length: 100 }, (_, index) => ({
    consumerId: `c${index}`,
    producerId: `p${index}`,
    peerId: 'x'.repeat(900),
    kind: 'video' as const,
    source: 'camera' as const,
    type: 'simulcast' as const,
    rtpParameters: CAMERA.rtpParameters,
    producerPaused: false,
  }));
  media.emit('consumersCreated', [...consumers]);
  const batches = ada.outlet.told.map(({ data }) => JSON.stringify(data));
  expect(batches.length).toBeGreaterThan(2);
  expect(Math.max(...batches.map((batch) => batch.length))).toBeLessThan(40_000);
  expect(batches.join('').match(/"consumerId"/g)).toHaveLength(100);

  media.emit('consumerPaused', { consumerId: 'c1', by: 'lastN' });
  media.emit('wantedLayers', { producerId: 'p1', spatialLayer: null });
  media.emit('transportClosed', { transportId: 't1' });
  fixture.engine.room('standup').emit('speakers', { dominant: null, volumes: [] });
  expect(ada.outlet.events.slice(batches.length)).toEqual([
    'consumerPaused',
    'wantedLayers',
    'transportClosed',
    'speakers',
  ]);
});

it('caps chat for each peer and for the room', async () => {
  const fixture = new RoomsFixture({
    chatPerPeer: { perSecond: 1, burst: 2 },
    chatPerRoom: { perSecond: 1, burst: 3 },
  });
  const ada = await fixture.join({ name: 'Ada' });
  const bob = await fixture.join({ name: 'Bob' });
  const receipt = ada.room.chat(ada.peer, 'hello');
  const message = { ...receipt, peerId: ada.peer.id, displayName: 'Ada', text: 'hello' };
  expect(bob.outlet.last('chat')).toEqual(message);
  expect(ada.outlet.last('chat')).toEqual(message);
  ada.room.chat(ada.peer, 'again');
  expect(() => ada.room.chat(ada.peer, 'too fast')).toThrow(/chat of this peer/);
  bob.room.chat(bob.peer, 'me too');
  expect(() => bob.room.chat(bob.peer, 'and more')).toThrow(/chat of this room/);
  fixture.clock.advance(1000);
  expect(() => ada.room.chat(ada.peer, 'slower')).not.toThrow();
});

it('answers participants with host_only, whatever they ask of a host', async () => {
  const fixture = new RoomsFixture();
  await fixture.host();
  const { room, peer } = await fixture.join();
  const refused = { code: 'host_only' };
  await expect(mutePeer(room, peer, 'nobody')).rejects.toMatchObject(refused);
  await expect(admitPeer(room, fixture, peer, 'nobody')).rejects.toMatchObject(refused);
  for (const action of [
    async () => removePeer(room, peer, 'nobody'),
    async () => lockRoom(room, peer, true),
    async () => denyPeer(room, peer, 'nobody'),
    async () => endRoom(room, peer),
  ]) {
    await expect(action()).rejects.toMatchObject(refused);
  }
  expect(room.closed).toBe(false);
});

it('lets any of several hosts mute one source of a peer, who may unmute itself', async () => {
  const fixture = new RoomsFixture();
  await fixture.host();
  const second = await fixture.host();
  const ada = await fixture.join();
  await publish(ada.room, ada.peer, CAMERA);
  const { producerId } = await publish(ada.room, ada.peer, MICROPHONE);
  await mutePeer(second.room, second.peer, ada.peer.id);
  expect(ada.outlet.last('muted')).toEqual({ producerId, source: 'microphone', by: second.peer.id });
  expect(fixture.engine.calls.filter((call) => call === 'pauseProducer host')).toHaveLength(1);
  await mutePeer(second.room, second.peer, ada.peer.id, 'microphone');
  expect(fixture.engine.calls.filter((call) => call === 'pauseProducer host')).toHaveLength(1);
  await ada.peer.media.resumeProducer(producerId);
  expect(second.outlet.last('producerUpdated')).toMatchObject({ producer: { producerId, paused: false } });
  await expect(mutePeer(second.room, second.peer, 'nobody')).rejects.toMatchObject({ code: 'not_found' });
});

it('keeps a removed participant out, whichever of its tokens it tries', async () => {
  const fixture = new RoomsFixture();
  const host = await fixture.host();
  const ada = await fixture.join({ sub: 'ada' });
  await removePeer(host.room, host.peer, ada.peer.id);
  expect(ada.outlet.ending).toEqual({ kind: 'bye', code: 'removed', close: 4410 });
  expect(host.outlet.last('peerLeft')).toEqual({ peerId: ada.peer.id, reason: 'removed' });
  await expect(fixture.join({ sub: 'ada' })).rejects.toMatchObject({ code: 'removed' });
  await expect(fixture.join({ sub: 'bob' })).resolves.toBeDefined();
});

it('lets one participant join a room again and again only so often', async () => {
  const fixture = new RoomsFixture();
  const comeAndGo = async (sub: string, room = 'standup') => {
    const one = await fixture.join({ sub, room });
    one.room.drop(one.peer, 'left', { kind: 'left' });
  };
  for (let n = 0; n < 20; n++) await comeAndGo('ada');
  await expect(fixture.join({ sub: 'ada' })).rejects.toMatchObject({ code: 'rate_limited' });
  await comeAndGo('bob');
  await comeAndGo('ada', 'elsewhere');
  fixture.clock.advance(2000);
  await comeAndGo('ada');
  await expect(fixture.join({ sub: 'ada' })).rejects.toMatchObject({ code: 'rate_limited' });
});

it('holds so many sessions of one participant, whatever its tokens, and all of a token that names nobody', async () => {
  const fixture = new RoomsFixture();
  const sessions = [];
  for (let n = 0; n < 10; n++) sessions.push(await fixture.join({ sub: 'ada' }));
  await expect(fixture.join({ sub: 'ada' })).rejects.toMatchObject({
    code: 'too_many_sessions',
    retry: true,
  });
  await fixture.join({ sub: 'bob' });
  await fixture.join({ sub: 'ada', iss: 'others' });
  await fixture.join({ sub: 'ada', room: 'elsewhere' });
  for (let n = 0; n < 11; n++) await fixture.join({ jti: 'shared' });
  const [first] = sessions;
  first?.room.drop(first.peer, 'left', { kind: 'left' });
  await expect(fixture.join({ sub: 'ada' })).resolves.toBeDefined();
});

it('counts the sessions of one participant that wait, and lets each of them in', async () => {
  const fixture = new RoomsFixture({ waitingRoom: true });
  const host = await fixture.host();
  const waiting = [];
  for (let n = 0; n < 10; n++) waiting.push(await fixture.join({ sub: 'ada' }));
  await expect(fixture.join({ sub: 'ada' })).rejects.toMatchObject({ code: 'too_many_sessions' });
  for (const { peer } of waiting) await admitPeer(host.room, fixture, host.peer, peer.id);
  expect(host.room.members()).toHaveLength(11);
});

it('lets a whole room come by one token that names nobody, and then only so often', async () => {
  const fixture = new RoomsFixture({ peersPerRoom: 30 });
  for (let n = 0; n < 30; n++) await fixture.join({ jti: 'shared' });
  const comeAndGo = async () => {
    const one = await fixture.join({ jti: 'shared', room: 'another' });
    one.room.drop(one.peer, 'left', { kind: 'left' });
  };
  for (let n = 0; n < 30; n++) await comeAndGo();
  await expect(comeAndGo()).rejects.toMatchObject({ code: 'rate_limited' });
  fixture.clock.advance(500);
  await comeAndGo();
});

it('removes a participant by every session that it has here, waiting or not, and hosts one by one', async () => {
  const fixture = new RoomsFixture({ waitingRoom: true });
  const host = await fixture.host({ sub: 'hana' });
  const first = await fixture.join({ sub: 'ada' });
  const second = await fixture.join({ sub: 'ada' });
  await admitPeer(host.room, fixture, host.peer, first.peer.id);
  const asHost = await fixture.host({ sub: 'ada' });
  await removePeer(host.room, host.peer, first.peer.id);
  for (const { outlet } of [first, second]) {
    expect(outlet.ending).toEqual({ kind: 'bye', code: 'removed', close: 4410 });
  }
  expect(host.room.waiting.size).toBe(0);
  expect(host.room.members()).toEqual([host.peer, asHost.peer]);
});

it('removes whom a host elsewhere removed', async () => {
  const fixture = new RoomsFixture();
  const there = await fixture.host({ room: 'there' });
  const gone = await fixture.join({ room: 'there', sub: 'ada' });
  const here = await fixture.join({ sub: 'ada' });
  const bob = await fixture.join({ sub: 'bob' });
  await removePeer(there.room, there.peer, gone.peer.id);
  const [hash = ''] = there.room.rules.decisions.keys();
  const keptOut = [{ label: { home: 'us', evidence: ['us'], regions: null }, hashes: [hash] }];
  here.room.share({ ...there.room.shared(), keptOut, letIn: [], outgrown: [] }, []);
  expect(here.outlet.ending).toEqual({ kind: 'bye', code: 'removed', close: 4410 });
  expect(here.room.members()).toEqual([bob.peer]);
});

it('keeps one without a sub out by every token that it had', async () => {
  const fixture = new RoomsFixture();
  const host = await fixture.host();
  const ada = await fixture.join({ jti: 'first-token' });
  ada.peer.adopt(admitted({ jti: 'fresh-token' }));
  await removePeer(host.room, host.peer, ada.peer.id);
  for (const jti of ['first-token', 'fresh-token']) {
    await expect(fixture.join({ jti })).rejects.toMatchObject({ code: 'removed' });
  }
  await expect(fixture.join({ jti: 'other-token' })).resolves.toBeDefined();
});

it('locks for participants, and not for hosts', async () => {
  const fixture = new RoomsFixture();
  const host = await fixture.host();
  lockRoom(host.room, host.peer, true);
  expect(host.outlet.last('roomUpdated')).toMatchObject({ room: { locked: true } });
  await expect(fixture.join()).rejects.toMatchObject({ code: 'room_locked' });
  await expect(fixture.host()).resolves.toBeDefined();
  lockRoom(host.room, host.peer, false);
  await expect(fixture.join()).resolves.toBeDefined();
});

it('ends for everyone, and is opened again by a host only', async () => {
  const fixture = new RoomsFixture({ endedSeconds: 300 });
  const host = await fixture.host();
  const ada = await fixture.join();
  endRoom(host.room, host.peer);
  for (const { outlet } of [host, ada]) {
    expect(outlet.ending).toEqual({ kind: 'bye', code: 'room_ended', close: 4410 });
  }
  await expect(fixture.join()).rejects.toMatchObject({ code: 'room_ended' });
  await fixture.host();
  await expect(fixture.join()).resolves.toBeDefined();
});

it('forgets after a while that a room was ended', async () => {
  const fixture = new RoomsFixture({ endedSeconds: 300 });
  const host = await fixture.host();
  endRoom(host.room, host.peer);
  fixture.clock.advance(300_000);
  await expect(fixture.join()).resolves.toBeDefined();
});
