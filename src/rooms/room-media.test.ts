import { expect, it } from 'vitest';
import { noFederation } from '../cluster/federation/federation.ts';
import { memberSchema } from '../cluster/federation/messages.ts';
import type { PipeSource, RemoteProducer } from '../media/types.ts';
import { DEFAULT_ROOM_LIMITS } from './limits.ts';
import { Peer } from './peer.ts';
import { RoomMedia } from './room-media.ts';
import { admitted, FakeAdmission } from './testing/fake-admission.ts';
import { FakeClock } from './testing/fake-clock.ts';
import { FakeEngine } from './testing/fake-media.ts';
import { FakeOutlet } from './testing/fake-outlet.ts';
import { remoteProducer } from './testing/remote-producer.ts';
import { NODE } from './testing/setup.ts';
import { silentLog } from './testing/silent-log.ts';

const SOURCE: PipeSource = {
  node: 'node-hkg',
  open: () => Promise.reject(new Error('no media here')),
  release: () => {},
  wanted: () => {},
};

function setUp() {
  const engine = new FakeEngine();
  const left: object[] = [];
  const media = new RoomMedia(
    'standup',
    {
      engine,
      admission: new FakeAdmission(),
      node: NODE,
      federation: noFederation(),
      policyDigest: () => '',
      limits: DEFAULT_ROOM_LIMITS,
      clock: new FakeClock(),
      log: { ...silentLog, warn: (fields) => left.push(fields) },
    },
    {
      label: () => ({ home: 'us', evidence: ['us'], regions: null }),
      onLabel: () => {},
      attach: () => () => {},
      forbid: () => {},
      onSpeakers: () => {},
      onClosed: () => {},
    },
  );
  const seat = () =>
    media.seat(
      new Peer({
        admitted: admitted(),
        displayName: 'Ann',
        rtpCapabilities: { codecs: [] },
        outlet: new FakeOutlet(),
      }),
      () => {},
    );
  return { engine, media, left, seat, remote: () => engine.calls.filter((call) => call.includes('Remote')) };
}

it('a producer of another node that does not fit here is left out, and harms nothing else: media open or not', async () => {
  for (const open of [false, true]) {
    const { engine, media, left, seat, remote } = setUp();
    engine.misfits.add('spare');
    if (open) await seat();
    const spare = media.addRemote(remoteProducer('spare'), SOURCE);
    const camera = media.addRemote(remoteProducer('camera'), SOURCE);
    if (!open) {
      expect(remote()).toEqual([]);
      await seat();
    }
    spare.update(remoteProducer('spare', { paused: true }));
    spare.close();
    camera.close();
    expect(remote()).toEqual(['addRemote spare', 'addRemote camera', 'closeRemote camera']);
    expect(left).toMatchObject([{ err: { code: 'too_many_producers' } }]);
  }
});

it('what other nodes publish waits for the opening that succeeds, as it is by then', async () => {
  const { engine, media, seat, remote } = setUp();
  media.addRemote(remoteProducer('camera'), SOURCE);
  media.addRemote(remoteProducer('gone'), SOURCE).close();
  engine.opening = Promise.reject(new Error('no worker'));
  await expect(seat()).rejects.toThrow('no worker');
  engine.opening = Promise.resolve();
  await seat();
  expect(remote()).toEqual(['addRemote camera']);
  media.close();
});

it('a word of another node about producers of another kind, or of somebody else, is not read', () => {
  const member = (one: RemoteProducer) => ({
    peerId: 'chen',
    displayName: 'Chen',
    role: 'participant',
    label: { home: 'cn', evidence: ['cn'], regions: null },
    producers: [one],
  });
  expect(memberSchema.safeParse(member(remoteProducer('camera'))).success).toBe(true);
  for (const over of [{ source: 'microphone' }, { kind: 'audio' }, { peerId: 'ann' }] as const)
    expect(memberSchema.safeParse(member(remoteProducer('camera', over))).success).toBe(false);
});
