import { expect, it } from 'vitest';
import { noFederation } from '../cluster/federation/federation.ts';
import { WatershedError } from '../protocol/errors.ts';
import { admitPeer, admitWaiting, denyPeer, endRoom } from './host-actions.ts';
import type { RoomDeps } from './ports.ts';
import { policyRedirect, policyRefusal } from './testing/fake-admission.ts';
import { RoomsFixture, settled } from './testing/setup.ts';

it('makes participants wait until a host admits each, and makes no media for them', async () => {
  const fixture = new RoomsFixture({ waitingRoom: true });
  const ada = await fixture.join({ name: 'Ada' });
  expect(ada.peer.seated).toBe(false);
  expect(fixture.engine.calls).toEqual([]);
  expect(() => ada.peer.media).toThrow(expect.objectContaining({ code: 'not_joined' }));

  const host = await fixture.host();
  expect(host.room.view(host.peer).snapshot.waiting).toEqual([{ peerId: ada.peer.id, displayName: 'Ada' }]);
  const bob = await fixture.join({ name: 'Bob' });
  expect(host.outlet.last('peerWaiting')).toEqual({ peerId: bob.peer.id, displayName: 'Bob' });

  await admitPeer(host.room, fixture, host.peer, ada.peer.id);
  expect(ada.outlet.snapshot).toMatchObject({ peerId: ada.peer.id, peers: [{ displayName: 'Hana' }] });
  expect(host.outlet.last('peerWaitingGone')).toEqual({ peerId: ada.peer.id });
  expect(host.outlet.last('peerJoined')).toMatchObject({ peer: { displayName: 'Ada' } });
  expect(bob.outlet.events).toEqual([]);
  await expect(admitPeer(host.room, fixture, host.peer, ada.peer.id)).rejects.toMatchObject({
    code: 'not_found',
  });
});

it('lets whom a host let in come back, and not everyone who has the same token', async () => {
  const fixture = new RoomsFixture({ waitingRoom: true });
  const host = await fixture.host();
  for (const [claims, waits] of [
    [{ sub: 'ada' }, false],
    [{ jti: 'the-link-of-all' }, true],
  ] as const) {
    const first = await fixture.join(claims);
    await admitPeer(host.room, fixture, host.peer, first.peer.id);
    const second = await fixture.join(claims);
    expect(second.peer.seated).toBe(!waits);
    // Nor once whoever was let in is gone.
    first.room.drop(first.peer, 'left', { kind: 'left' });
    expect((await fixture.join(claims)).peer.seated).toBe(!waits);
  }
});

it('refuses those whom a host denies', async () => {
  const fixture = new RoomsFixture({ waitingRoom: true });
  const host = await fixture.host();
  const ada = await fixture.join();
  await denyPeer(host.room, host.peer, ada.peer.id);
  expect(ada.outlet.ending).toMatchObject({
    kind: 'refused',
    refusal: { code: 'waiting_denied', status: 403 },
  });
  expect(host.outlet.last('peerWaitingGone')).toEqual({ peerId: ada.peer.id });
  expect(fixture.clock.pending).toBe(0);
});

it('judges those who waited by the label of their last judgement', async () => {
  const fixture = new RoomsFixture({ waitingRoom: true });
  const host = await fixture.host();
  const ada = await fixture.join();
  const label = { home: 'us', evidence: ['cn', 'us'], regions: null };
  fixture.admission.verdict = (session) => ({ kind: 'admit', session: { ...session, label } });
  await admitPeer(host.room, fixture, host.peer, ada.peer.id);
  expect(ada.room.label(ada.peer.id)).toEqual(label);
});

it('tells the other nodes when the label of one who waits has grown: fewer of them may know', async () => {
  const told: string[][] = [];
  const alone = noFederation();
  const fixture = new RoomsFixture(
    { waitingRoom: true },
    {
      open: (room) => ({
        ...alone.open(room),
        waitingChanged: () => told.push(room.waiting().map(({ label }) => label.evidence.join(' '))),
      }),
    },
  );
  await fixture.host();
  await fixture.join();
  expect(told).toEqual([['us']]);
  const label = { home: 'us', evidence: ['cn', 'us'], regions: null };
  fixture.admission.verdict = (session) => ({ kind: 'admit', session: { ...session, label } });
  await fixture.rooms.rejudgeAll();
  expect(told).toEqual([['us'], ['cn us']]);
  await fixture.rooms.rejudgeAll();
  expect(told).toHaveLength(2);
});

it('refuses those whom nobody admits in time, and then closes the room', async () => {
  const fixture = new RoomsFixture({ waitingRoom: true, waitingSeconds: 600, emptySeconds: 15 });
  const ada = await fixture.join();
  fixture.clock.advance(599_000);
  expect(ada.outlet.ending).toBeNull();
  fixture.clock.advance(1000);
  expect(ada.outlet.ending).toMatchObject({
    kind: 'refused',
    refusal: { code: 'waiting_timeout', retry: true },
  });
  fixture.clock.advance(15_000);
  expect(fixture.rooms.stats()).toEqual({ rooms: 0, peers: 0, waiting: 0 });
});

it('bounds how many wait', async () => {
  const fixture = new RoomsFixture({ waitingRoom: true, waitingPerRoom: 1 });
  await fixture.join();
  await expect(fixture.join()).rejects.toMatchObject({ code: 'room_full' });
});

it('judges again those who waited, before anything is made for them', async () => {
  for (const verdict of [
    { kind: 'refuse', refusal: policyRefusal() },
    { kind: 'redirect', redirect: policyRedirect() },
  ] as const) {
    const fixture = new RoomsFixture({ waitingRoom: true });
    const host = await fixture.host();
    const ada = await fixture.join();
    fixture.admission.verdict = () => verdict;
    const before = [...fixture.engine.calls];
    await admitPeer(host.room, fixture, host.peer, ada.peer.id);
    expect(ada.outlet.ending?.kind).toBe(verdict.kind === 'refuse' ? 'refused' : 'redirect');
    expect(ada.outlet.snapshot).toBeNull();
    expect(fixture.engine.calls).toEqual(before);
    expect(host.outlet.last('peerWaitingGone')).toEqual({ peerId: ada.peer.id });
  }
});

it('lets one go on waiting when the room is full, and tells the host', async () => {
  const fixture = new RoomsFixture({ waitingRoom: true, peersPerRoom: 1 });
  const host = await fixture.host();
  const ada = await fixture.join();
  await expect(admitPeer(host.room, fixture, host.peer, ada.peer.id)).rejects.toMatchObject({
    code: 'room_full',
  });
  expect(ada.outlet.ending).toBeNull();
  expect(fixture.rooms.stats().waiting).toBe(1);
});

it('keeps the room, and tells the other nodes, when the only one here goes on waiting', async () => {
  const told: number[] = [];
  const alone = noFederation();
  const fixture = new RoomsFixture(
    { waitingRoom: true, emptySeconds: 15 },
    {
      open: (room) => ({
        ...alone.open(room),
        enter: () => Promise.reject(new WatershedError('registry_unavailable')),
        placesChanged: () => told.push(room.waiting().length),
        waitingChanged: () => told.push(room.waiting().length),
      }),
    },
  );
  const ada = await fixture.join();
  // On behalf of a host at another node.
  await expect(admitWaiting(ada.room, fixture, ada.peer.id)).rejects.toMatchObject({
    code: 'registry_unavailable',
  });
  expect(told.at(-1)).toBe(1);
  fixture.clock.advance(15_000);
  expect(ada.outlet.ending).toBeNull();
  expect(fixture.rooms.stats()).toEqual({ rooms: 1, peers: 0, waiting: 1 });
});

it('settles one who leaves, or whose room ends, while it is being admitted', async () => {
  for (const meanwhile of ['leaves', 'ends'] as const) {
    const fixture = new RoomsFixture({ waitingRoom: true });
    const host = await fixture.host();
    const ada = await fixture.join();
    let answer = (): void => undefined;
    fixture.admission.verdict = (session) =>
      new Promise((resolve) => {
        answer = () => resolve({ kind: 'admit', session });
      });
    const admitting = admitPeer(host.room, fixture, host.peer, ada.peer.id);
    await settled();
    if (meanwhile === 'leaves') ada.room.drop(ada.peer, 'left', { kind: 'left' });
    else endRoom(host.room, host.peer);
    answer();
    await expect(admitting).rejects.toThrow();
    expect(ada.outlet.open).toBe(false);
    expect(ada.outlet.snapshot).toBeNull();
    expect(fixture.rooms.stats()).toMatchObject({ waiting: 0, peers: meanwhile === 'leaves' ? 1 : 0 });
  }
});

it('tells other nodes of one who was let in when it comes back by a label that says more', async () => {
  let shared = 0;
  const open: RoomDeps['federation']['open'] = (room) => ({
    ...noFederation().open(room),
    share: () => shared++,
  });
  const fixture = new RoomsFixture({ waitingRoom: true }, { open });
  await fixture.host();
  const before = shared;
  const hana = { role: 'host', sub: 'hana' } as const;
  await fixture.host(hana);
  await fixture.host(hana);
  expect(shared).toBe(before + 1);
  await fixture.join(hana, { evidence: ['eu', 'us'] });
  expect(shared).toBe(before + 2);
});
