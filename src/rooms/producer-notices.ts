import type { EventData } from '../protocol/events.ts';
import { type Notification, notification } from './notification.ts';

/** Closed producers that are remembered: there is no knowing whether the publisher has heard of them. */
const CLOSED = 8;

/**
 * What a publisher was told of its own producers and has to act on, as it stands: whoever missed it would go on
 * sending what nobody hears, or not send what is watched. For a resume with fresh state.
 */
export class ProducerNotices {
  readonly #closed = new Map<string, EventData<'producerClosed'>>();
  readonly #muted = new Map<string, EventData<'muted'>>();
  readonly #wanted = new Map<string, EventData<'wantedLayers'>>();

  muted(data: EventData<'muted'>): Notification {
    this.#muted.set(data.producerId, data);
    return notification('muted', data);
  }

  /** The publisher sends it again. */
  unmuted(producerId: string): void {
    this.#muted.delete(producerId);
  }

  wantedLayers(data: EventData<'wantedLayers'>): Notification {
    this.#wanted.set(data.producerId, data);
    return notification('wantedLayers', data);
  }

  /** The node closed it for what it sent. */
  closed(data: EventData<'producerClosed'>): Notification {
    this.#closed.set(data.producerId, data);
    for (const oldest of this.#closed.keys()) if (this.#closed.size > CLOSED) this.#closed.delete(oldest);
    return notification('producerClosed', data);
  }

  /** The producer is gone: nothing else is to be said of it. */
  forget(producerId: string): void {
    this.#muted.delete(producerId);
    this.#wanted.delete(producerId);
  }

  all(): Notification[] {
    return [
      ...[...this.#closed.values()].map((data) => notification('producerClosed', data)),
      ...[...this.#muted.values()].map((data) => notification('muted', data)),
      ...[...this.#wanted.values()].map((data) => notification('wantedLayers', data)),
    ];
  }
}
