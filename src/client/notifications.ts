import { EVENTS, type EventData, type EventName } from '../protocol/events.ts';

/** A schema seen from outside; the table keeps each name's type, which an index into EVENTS loses. */
interface Parser<T> {
  safeParse(data: unknown): { success: true; data: T } | { success: false };
}
const parsers: { readonly [E in EventName]: Parser<EventData<E>> } = EVENTS;

/** The notifications of one connection, each parsed for its handlers. */
export class Notifications {
  readonly #handlers = new Map<EventName, Set<(data: unknown) => void>>();

  /** Returns the function that takes the handler off again. */
  on<E extends EventName>(event: E, handler: (data: EventData<E>) => void): () => void {
    const parsing = (data: unknown): void => {
      const parsed = parsers[event].safeParse(data);
      // Ignored, as an unknown event is: whoever sends it is newer, or broken, and the call goes on.
      if (parsed.success) handler(parsed.data);
      else console.warn(`watershed: ignored a malformed "${event}"`);
    };
    const handlers = this.#handlers.get(event) ?? new Set();
    handlers.add(parsing);
    this.#handlers.set(event, handlers);
    return () => {
      handlers.delete(parsing);
    };
  }

  dispatch(event: EventName, data: unknown): void {
    for (const handler of [...(this.#handlers.get(event) ?? [])]) handler(data);
  }
}
