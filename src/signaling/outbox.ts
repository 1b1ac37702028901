import { type Notification, notificationFrame } from '../rooms/notification.ts';

/** How much an outbox keeps. */
export interface OutboxLimits {
  readonly replayNotifications: number;
  readonly replayCharacters: number;
}

/**
 * The notifications of one session, numbered from 1 across its connections. The last of them are kept, since
 * only the client knows what reached it before a socket was lost.
 */
export class Outbox {
  readonly #limits: OutboxLimits;
  #frames: string[] = [];
  #characters = 0;
  #lastSeq = 0;

  constructor(limits: OutboxLimits) {
    this.#limits = limits;
  }

  /** Number of the newest notification; 0 before the first. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** Numbers a notification, keeps it, and gives its frame. `all`: forgets none for it, for the moment. */
  push(notification: Notification, all = false): string {
    this.#lastSeq += 1;
    const frame = notificationFrame(notification, this.#lastSeq);
    this.#frames.push(frame);
    this.#characters += frame.length;
    while (
      !all &&
      (this.#frames.length > this.#limits.replayNotifications ||
        this.#characters > this.#limits.replayCharacters)
    ) {
      this.#characters -= this.#frames.shift()?.length ?? 0;
    }
    return frame;
  }

  /** The frames after `seq`, in order; undefined when some of them are not kept any more, or were never made. */
  after(seq: number): readonly string[] | undefined {
    const missed = this.#lastSeq - seq;
    if (missed < 0 || missed > this.#frames.length) return undefined;
    return missed === 0 ? [] : this.#frames.slice(-missed);
  }

  /** Forgets every frame: the state was sent afresh. The numbers go on. */
  forget(): void {
    this.#frames = [];
    this.#characters = 0;
  }
}
