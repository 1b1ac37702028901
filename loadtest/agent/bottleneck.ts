/** The longest that a datagram waits for its turn, in ms; whoever would wait longer is lost, as at a home router. */
export const QUEUE_MS = 250;
/** IPv4 and UDP around each datagram, in bytes. */
const HEADERS = 28;

interface Waiting {
  /** When its last bit has left, by `performance.now()`. */
  readonly due: number;
  readonly send: () => void;
}

/** One direction of a narrow line: what it takes leaves in order, at its rate. */
export class Bottleneck {
  readonly #queue: Waiting[] = [];
  #free = 0;
  #timer: NodeJS.Timeout | undefined;

  /**
   * Sends a datagram when it is its turn, or loses it.
   * @param bytes of its payload
   * @param kilobits a second; undefined: as fast as it comes
   */
  pass(bytes: number, kilobits: number | undefined, send: () => void): void {
    const now = performance.now();
    if (kilobits === undefined && this.#queue.length === 0) {
      send();
      return;
    }
    const begin = Math.max(now, this.#free);
    if (begin - now > QUEUE_MS) return;
    this.#free = kilobits === undefined ? begin : begin + ((bytes + HEADERS) * 8) / kilobits;
    this.#queue.push({ due: this.#free, send });
    this.#wake(now);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#queue.length = 0;
  }

  #wake(now: number): void {
    const first = this.#queue[0];
    if (first === undefined || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => this.#drain(), Math.max(0, first.due - now));
  }

  #drain(): void {
    this.#timer = undefined;
    const now = performance.now();
    const waiting = this.#queue.findIndex(({ due }) => due > now);
    for (const { send } of this.#queue.splice(0, waiting < 0 ? this.#queue.length : waiting)) send();
    this.#wake(now);
  }
}
