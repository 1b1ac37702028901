import { noFederation } from '../../cluster/federation/federation.ts';
import type { ProduceOptions } from '../../media/types.ts';
import type { Label } from '../../policy/model.ts';
import type { JoinClaims } from '../../protocol/token.ts';
import { DEFAULT_ROOM_LIMITS, type RoomLimits } from '../limits.ts';
import type { Peer } from '../peer.ts';
import type { RoomDeps } from '../ports.ts';
import type { Room } from '../room.ts';
import { RoomManager } from '../room-manager.ts';
import { admitted, FakeAdmission } from './fake-admission.ts';
import { FakeClock } from './fake-clock.ts';
import { FakeEngine } from './fake-media.ts';
import { FakeOutlet } from './fake-outlet.ts';
import { silentLog } from './silent-log.ts';

/** What a test publishes. */
export const CAMERA: ProduceOptions = {
  transportId: 't1-send',
  kind: 'video',
  source: 'camera',
  rtpParameters: { codecs: [{ mimeType: 'video/VP8', payloadType: 96, clockRate: 90000 }] },
};
export const MICROPHONE: ProduceOptions = { ...CAMERA, kind: 'audio', source: 'microphone' };

export const NODE = { id: 'node-1', datacenter: 'sjc', region: 'us' };

/** Someone in the room, with all that a test may look at. */
export interface Someone {
  readonly room: Room;
  readonly peer: Peer;
  readonly outlet: FakeOutlet;
}

/** The rooms of a node without workers, sockets or time. */
export class RoomsFixture {
  readonly engine = new FakeEngine();
  readonly admission = new FakeAdmission();
  readonly clock = new FakeClock();
  readonly rooms: RoomManager;

  constructor(limits: Partial<RoomLimits> = {}, federation: RoomDeps['federation'] = noFederation()) {
    this.rooms = new RoomManager({
      engine: this.engine,
      admission: this.admission,
      federation,
      node: NODE,
      policyDigest: () => 'sha256:test',
      limits: { ...DEFAULT_ROOM_LIMITS, ...limits },
      clock: this.clock,
      log: silentLog,
    });
  }

  /** Joins, and fails the test when nobody is in a room (or waiting for one) afterwards. */
  async join(claims: Partial<JoinClaims> = {}, label: Partial<Label> = {}): Promise<Someone> {
    const outlet = new FakeOutlet();
    const outcome = await this.rooms.join({
      admitted: admitted(claims, label),
      displayName: claims.name,
      rtpCapabilities: { codecs: [] },
      outlet,
    });
    if (outcome.state === 'apart') throw new Error('apart');
    return { room: outcome.room, peer: outcome.peer, outlet };
  }

  host(claims: Partial<JoinClaims> = {}): Promise<Someone> {
    return this.join({ role: 'host', name: 'Hana', ...claims });
  }
}

/** Lets promise continuations run. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}
