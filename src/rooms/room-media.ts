import type {
  MediaGate,
  MediaPeer,
  MediaRoom,
  MediaRoomEvents,
  PipeSource,
  RemoteProducer,
  RemotePublication,
} from '../media/types.ts';
import type { Label } from '../policy/model.ts';
import { guardedGate } from './guarded-gate.ts';
import type { Peer } from './peer.ts';
import { type RoomDeps, shortId } from './ports.ts';

/** What the media of a room asks of the room, and tells it. */
export interface RoomMediaHooks {
  /** Undefined, which forbids, for a peer that is gone. */
  label(peerId: string): Label | undefined;
  onLabel(peerId: string, label: Label): void;
  /** Media is open: other nodes may ask for what is produced here. Returns what ends that. */
  attach(media: MediaRoom): () => void;
  /** The gate forbade this peer itself: its stay is over. */
  forbid(peerId: string, error: unknown): void;
  onSpeakers(...data: MediaRoomEvents['speakers']): void;
  /** Media ended the room. */
  onClosed(): void;
}

/** The media side of a room: its gate from the start, its routers once the first member is seated. */
export class RoomMedia {
  readonly #roomId: string;
  readonly #deps: RoomDeps;
  readonly #hooks: RoomMediaHooks;
  /** The checks themselves, for what the room does. Media gets them guarded. */
  readonly gate: MediaGate;
  #room: Promise<MediaRoom> | null = null;
  #open: MediaRoom | null = null;
  #detach: (() => void) | null = null;
  /** What other nodes' peers publish, until media is open. */
  readonly #awaited = new Set<(room: MediaRoom) => void>();
  #closed = false;

  constructor(roomId: string, deps: RoomDeps, hooks: RoomMediaHooks) {
    this.#roomId = roomId;
    this.#deps = deps;
    this.#hooks = hooks;
    this.gate = deps.admission.gate({
      roomId,
      label: (peerId) => hooks.label(peerId),
      onLabel: (peerId, label) => hooks.onLabel(peerId, label),
    });
  }

  /**
   * Makes the media side of a peer. `assertWanted` runs once media is open, and throws when the peer or the room
   * went away in between. `worker_unavailable`, `unsupported_media`, or what the gate throws.
   */
  async seat(peer: Peer, assertWanted: () => void): Promise<MediaPeer> {
    const room = await this.#opened();
    assertWanted();
    // The policy may have been switched while media was opened: nothing of the peer's is made before this.
    this.gate.assertTransport(peer.id);
    const media = room.addPeer(peer.id);
    try {
      media.setReceiveCapabilities(peer.rtpCapabilities);
    } catch (error) {
      media.close();
      throw error;
    }
    return media;
  }

  /**
   * Offers a producer at another node to the members here, as soon as media is open. Never throws, and nor does what
   * it returns: it is another node's word, and what does not fit here is left out, without harm to the rest.
   */
  addRemote(producer: RemoteProducer, source: PipeSource): RemotePublication {
    let current = producer;
    let made: RemotePublication | null = null;
    const make = (room: MediaRoom): void =>
      this.#attempt(producer, () => {
        made = room.addRemote(current, source);
      });
    if (this.#open !== null) make(this.#open);
    else this.#awaited.add(make);
    return {
      update: (changed) => {
        current = changed;
        this.#attempt(producer, () => made?.update(changed));
      },
      close: () => {
        this.#awaited.delete(make);
        this.#attempt(producer, () => made?.close());
      },
    };
  }

  #attempt({ peerId, kind, source }: RemoteProducer, step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#deps.log.warn(
        { err: error, room: shortId(this.#roomId), peer: shortId(peerId), kind, source },
        'what another node publishes does not fit here and is left out',
      );
    }
  }

  /** Judges every leg of a peer, here or at another node, again. */
  rejudge(peerId: string): void {
    this.#open?.rejudge(peerId);
  }

  /** How a producer here is described to other nodes; undefined once it is gone. */
  describe(producerId: string): RemoteProducer | undefined {
    return this.#open?.describe(producerId);
  }

  /** One opening for all who come meanwhile; one that failed is tried again by the next. */
  #opened(): Promise<MediaRoom> {
    this.#room ??= this.#deps.engine
      .openRoom(this.#roomId, {
        lastN: this.#deps.limits.lastN,
        gate: guardedGate(this.gate, (peerId, error) => this.#hooks.forbid(peerId, error)),
      })
      .then(
        (room) => {
          room.on('speakers', (data) => this.#hooks.onSpeakers(data));
          room.on('closed', () => this.#hooks.onClosed());
          if (this.#closed) {
            room.close();
            return room;
          }
          this.#open = room;
          this.#detach = this.#hooks.attach(room);
          for (const make of this.#awaited) make(room);
          this.#awaited.clear();
          return room;
        },
        (error: unknown) => {
          this.#room = null;
          throw error;
        },
      );
    return this.#room;
  }

  /** Ends the media, also of a room that is still being opened; idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#open = null;
    this.#awaited.clear();
    this.#detach?.();
    this.#room?.then((room) => room.close()).catch(() => undefined);
  }
}
