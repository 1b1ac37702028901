import { expect, it } from 'vitest';
import { WatershedError } from '../protocol/errors.ts';
import { publish } from './peer-media.ts';
import { admitted, policyRedirect, policyRefusal } from './testing/fake-admission.ts';
import { FakeOutlet } from './testing/fake-outlet.ts';
import { CAMERA, RoomsFixture, settled } from './testing/setup.ts';

it('creates nothing for a newcomer who is refused or redirected at join', async () => {
  for (const verdict of [
    { kind: 'refuse', refusal: policyRefusal() },
    { kind: 'redirect', redirect: policyRedirect() },
  ] as const) {
    const fixture = new RoomsFixture();
    fixture.admission.verdict = () => verdict;
    const outlet = new FakeOutlet();
    const outcome = await fixture.rooms.join({
      admitted: admitted(),
      displayName: undefined,
      rtpCapabilities: { codecs: [] },
      outlet,
    });
    expect(outcome.state).toBe('apart');
    expect(fixture.admission.asked).toEqual([{ step: 'join' }]);
    expect(fixture.engine.calls).toEqual([]);
    expect(fixture.rooms.stats()).toEqual({ rooms: 0, peers: 0, waiting: 0 });
    expect(outlet.told).toEqual([]);
  }
});

it('seats nobody whom the gate forbids by the time media is open', async () => {
  const fixture = new RoomsFixture();
  let open = (): void => undefined;
  fixture.engine.opening = new Promise((resolve) => {
    open = resolve;
  });
  const joining = fixture.join();
  await settled();
  fixture.admission.allowed = () => false;
  open();
  await expect(joining).rejects.toMatchObject({ code: 'region_not_admitted' });
  expect(fixture.engine.calls).toEqual(['openRoom standup']);
});

it('forgets the label of a peer that is gone, which forbids', async () => {
  const fixture = new RoomsFixture();
  const ada = await fixture.join();
  expect(ada.room.label(ada.peer.id)).toEqual({ home: 'us', evidence: ['us'], regions: null });
  ada.room.drop(ada.peer, 'left', { kind: 'left' });
  expect(ada.room.label(ada.peer.id)).toBeUndefined();
});

it('narrows every label by the choices of all tokens seen in the room', async () => {
  const fixture = new RoomsFixture();
  const ada = await fixture.join({}, { regions: ['us', 'eu'] });
  const bob = await fixture.join({}, { regions: ['us', 'hk'] });
  bob.room.drop(bob.peer, 'left', { kind: 'left' });
  expect(ada.room.label(ada.peer.id)?.regions).toEqual(['us']);
});

it('judges the legs first when an address widens a label', async () => {
  const fixture = new RoomsFixture();
  const ada = await fixture.join();
  const media = fixture.engine.room('standup').peer(ada.peer.id);
  const [room] = fixture.admission.rooms;
  room?.onLabel(ada.peer.id, { home: 'us', evidence: ['us', 'cn'], regions: null });
  expect(media.rejudged).toBe(1);
  expect(ada.room.label(ada.peer.id)?.evidence).toEqual(['cn', 'us']);
});

it('never loses evidence to an older judgement that ends later', async () => {
  const fixture = new RoomsFixture();
  const ada = await fixture.join();
  const older = ada.peer.admitted;
  fixture.admission.rooms[0]?.onLabel(ada.peer.id, { home: 'us', evidence: ['cn', 'us'], regions: ['us'] });
  ada.peer.adopt({ ...older, label: { home: 'us', evidence: ['eu', 'us'], regions: null } });
  expect(ada.peer.label).toEqual({ home: 'us', evidence: ['cn', 'eu', 'us'], regions: ['us'] });
});

it('ends the stay of a peer whose media the gate forbids', async () => {
  const fixture = new RoomsFixture();
  const ada = await fixture.join();
  const bob = await fixture.join();
  fixture.admission.allowed = () => false;
  await expect(publish(ada.room, ada.peer, CAMERA)).rejects.toMatchObject({ code: 'region_not_admitted' });
  await settled();
  expect(ada.outlet.ending).toEqual({ kind: 'bye', code: 'region_not_admitted', close: 4403 });
  expect(bob.outlet.last('peerLeft')).toEqual({ peerId: ada.peer.id, reason: 'policy' });
  expect(bob.outlet.events).not.toContain('producerAdded');
});

it('ends the stay of a peer whose address media saw and the gate refused', async () => {
  const fixture = new RoomsFixture();
  const ada = await fixture.join();
  const error = new WatershedError('address_refused');
  fixture.engine.room('standup').peer(ada.peer.id).emit('forbidden', { error });
  expect(ada.outlet.ending).toEqual({ kind: 'bye', code: 'address_refused', close: 4403 });
});

it('takes no chat from a peer that may not be served here', async () => {
  const fixture = new RoomsFixture();
  const ada = await fixture.join();
  const bob = await fixture.join();
  fixture.admission.allowed = () => false;
  expect(() => ada.room.chat(ada.peer, 'secret')).toThrow(
    expect.objectContaining({ code: 'region_not_admitted' }),
  );
  expect(bob.outlet.events).not.toContain('chat');
});

/** A switch after which nobody of eu may be here; what the admission was asked goes into the engine's calls. */
function forbidEu(fixture: RoomsFixture): void {
  fixture.admission.allowed = (label) => label.home !== 'eu';
  fixture.admission.verdict = (session, { step }) => {
    fixture.engine.calls.push(`decide ${step} ${session.label.home}`);
    return session.label.home === 'eu'
      ? { kind: 'redirect', redirect: policyRedirect() }
      : { kind: 'admit', session };
  };
}

it('closes what a switch of policy forbids before it decides about any stay, and decides those first', async () => {
  const fixture = new RoomsFixture();
  const ada = await fixture.join({ room: 'one' });
  const bob = await fixture.join({ room: 'two', region: 'eu' });
  const eve = await fixture.join({ room: 'three', region: 'eu' });
  await publish(ada.room, ada.peer, CAMERA);
  await publish(bob.room, bob.peer, CAMERA);
  const medias = [fixture.engine.room('one').peer(ada.peer.id), fixture.engine.room('two').peer(bob.peer.id)];
  forbidEu(fixture);
  fixture.engine.calls.length = 0;
  await fixture.rooms.rejudgeAll();
  expect(fixture.engine.calls.filter((call) => /rejudge|decide/.test(call))).toEqual([
    'rejudge',
    'rejudge',
    'decide switch eu',
    'decide switch eu',
    'decide switch us',
    'rejudge',
  ]);
  expect(medias.map(({ made }) => made.length)).toEqual([1, 0]);
  expect(ada.outlet.ending).toBeNull();
  // Told where to go, though media said that it was forbidden before the decision was there.
  expect([bob.outlet.ending?.kind, eve.outlet.ending?.kind]).toEqual(['redirect', 'redirect']);
});

it('closes what a switch forbids by where media comes from before it decides about any stay', async () => {
  const fixture = new RoomsFixture();
  const [ada, bob, eve] = [
    await fixture.join(),
    await fixture.join(),
    await fixture.join({ region: 'eu', room: 'two' }),
  ];
  fixture.engine.room('standup').peer(ada.peer.id).addressesNow.add('192.0.2.7');
  const media = fixture.engine.room('standup').peer(bob.peer.id);
  media.addressesNow.add('198.51.100.7');
  forbidEu(fixture);
  fixture.admission.allowedFrom = (address) => address === '192.0.2.7';
  fixture.engine.calls.length = 0;
  await fixture.rooms.rejudgeAll();
  expect(fixture.engine.calls.filter((call) => /rejudge|decide/.test(call)).slice(0, 3)).toEqual([
    'rejudge',
    'rejudge',
    'decide switch eu',
  ]);
  expect([ada.outlet.ending, eve.outlet.ending?.kind]).toEqual([null, 'redirect']);
  expect(bob.outlet.ending).toEqual({ kind: 'bye', code: 'address_refused', close: 4403 });
  expect(media.transports).toBe(0);
});

it('closes what a switch forbids in the call itself', async () => {
  const fixture = new RoomsFixture();
  const bob = await fixture.join({ region: 'eu' });
  forbidEu(fixture);
  const switched = fixture.rooms.rejudgeAll();
  expect(fixture.engine.room('standup').peer(bob.peer.id).transports).toBe(0);
  expect(bob.outlet.ending).toBeNull();
  await switched;
  expect(bob.outlet.ending?.kind).toBe('redirect');
});

it('ends the stay of one whose media a switch closed, though the next switch would admit it', async () => {
  const fixture = new RoomsFixture();
  const bob = await fixture.join({ region: 'eu' });
  fixture.admission.allowed = () => false;
  const switched = fixture.rooms.rejudgeAll();
  fixture.admission.allowed = () => true;
  await switched;
  expect(bob.outlet.ending).toEqual({ kind: 'bye', code: 'region_not_admitted', close: 4403 });
});

it('judges a full node in slices: everything else has its turn between them', async () => {
  const fixture = new RoomsFixture();
  for (let i = 0; i < 10; i++) await fixture.join({ room: `room-${i}`, region: i < 5 ? 'us' : 'eu' });
  forbidEu(fixture);
  fixture.engine.calls.length = 0;
  // Each look at the clock finds it 3 ms later: a slice is used up after two stays.
  let looks = 0;
  fixture.clock.monotonicMs = () => 3 * looks++;
  let turns = 0;
  const turn = (): void => {
    turns += 1;
    fixture.engine.calls.push('turn');
    handle = setImmediate(turn);
  };
  let handle = setImmediate(turn);
  await fixture.rooms.rejudgeAll();
  clearImmediate(handle);
  expect(turns).toBeGreaterThan(3);
  const legs = fixture.engine.calls.filter((call) => /rejudge|decide/.test(call));
  expect(legs.slice(0, 5)).toEqual(Array.from({ length: 5 }, () => 'rejudge'));
  expect(legs.filter((call) => call.startsWith('decide'))).toHaveLength(10);
});

it('ends stays that cannot be judged, and keeps those whose token alone is too old', async () => {
  const fixture = new RoomsFixture();
  const ada = await fixture.join();
  fixture.admission.verdict = () => ({ kind: 'refuse', refusal: policyRefusal('token_expired') });
  await fixture.rooms.rejudgeAll();
  expect(ada.outlet.ending).toBeNull();
  fixture.admission.verdict = () => {
    throw new Error('broken');
  };
  await fixture.rooms.rejudgeAll();
  expect(ada.outlet.ending).toEqual({ kind: 'bye', code: 'internal', close: 4500 });
});

it('ends a host’s powers with a token that says participant, and gives none', async () => {
  const fixture = new RoomsFixture();
  const host = await fixture.host();
  const ada = await fixture.join();
  ada.peer.adopt(admitted({ role: 'host' }));
  expect(ada.peer.role).toBe('participant');
  host.peer.adopt(admitted({ role: 'participant' }));
  expect(() => host.peer.assertHost()).toThrow(expect.objectContaining({ code: 'host_only' }));
});
