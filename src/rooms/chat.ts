import { randomBytes } from 'node:crypto';
import { WatershedError } from '../protocol/errors.ts';
import type { Clock } from './clock.ts';
import type { RoomLimits } from './limits.ts';
import { type Notification, notification } from './notification.ts';
import type { Peer } from './peer.ts';
import { TokenBucket } from './token-bucket.ts';

/** What `sendChat` answers; the same message goes to everybody as `chat`. */
export interface ChatReceipt {
  readonly messageId: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** A room's chat: nothing is kept, every message goes to whoever is there. */
export class Chat {
  readonly #limits: Pick<RoomLimits, 'chatPerPeer' | 'chatPerRoom'>;
  readonly #clock: Clock;
  readonly #room: TokenBucket;
  readonly #peers = new WeakMap<Peer, TokenBucket>();

  constructor(limits: Pick<RoomLimits, 'chatPerPeer' | 'chatPerRoom'>, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
    this.#room = new TokenBucket(limits.chatPerRoom, clock);
  }

  /** Makes the message; its length is the schema's business. `rate_limited` for too many. */
  compose(peer: Peer, text: string): { receipt: ChatReceipt; message: Notification } {
    let bucket = this.#peers.get(peer);
    if (bucket === undefined) {
      bucket = new TokenBucket(this.#limits.chatPerPeer, this.#clock);
      this.#peers.set(peer, bucket);
    }
    if (!bucket.take()) throw new WatershedError('rate_limited', 'chat of this peer');
    if (!this.#room.take()) throw new WatershedError('rate_limited', 'chat of this room');
    const receipt = { messageId: randomBytes(9).toString('base64url'), at: this.#clock.wallMs() };
    const message = notification('chat', {
      ...receipt,
      peerId: peer.id,
      displayName: peer.displayName,
      text,
    });
    return { receipt, message };
  }
}
