type Listener<Args extends unknown[]> = (...args: Args) => void;

/**
 * A small typed event emitter for browser and Node. A listener that throws does not stop the others, nor the
 * library: it is reported on the console.
 */
export class Emitter<Events extends { [E in keyof Events]: unknown[] }> {
  readonly #listeners: { [E in keyof Events]?: Set<Listener<Events[E]>> } = {};

  /** Returns the function that takes the listener off again. */
  on<E extends keyof Events>(event: E, listener: Listener<Events[E]>): () => void {
    const listeners = this.#listeners[event] ?? new Set<Listener<Events[E]>>();
    listeners.add(listener);
    this.#listeners[event] = listeners;
    return () => {
      listeners.delete(listener);
    };
  }

  once<E extends keyof Events>(event: E, listener: Listener<Events[E]>): () => void {
    const off = this.on(event, (...args) => {
      off();
      listener(...args);
    });
    return off;
  }

  /** Only the owner of the emitter calls this. */
  emit<E extends keyof Events>(event: E, ...args: Events[E]): void {
    for (const listener of [...(this.#listeners[event] ?? [])]) {
      try {
        listener(...args);
      } catch (error) {
        console.error(`watershed: a listener of "${String(event)}" threw`, error);
      }
    }
  }

  /** Takes every listener off. */
  removeAll(): void {
    for (const event of Object.keys(this.#listeners)) {
      Reflect.deleteProperty(this.#listeners, event);
    }
  }
}
