/** How long a node is still listened to that has no say any more, in ms: its members need less to move away. */
export const FADE_MS = 15_000;

/**
 * Whether another node has a say in a room here. One that never could sit everyone who is here is not listened to at
 * all; one that could, and cannot any more, for as long as its members may take to leave.
 */
export class Hearing {
  #heard = false;
  #fadesAt: number | null = null;
  #missed = false;

  /** Whether what the node says counts. */
  get heard(): boolean {
    return this.#heard;
  }

  /** When it will count no more, monotonic ms; null where that is not foreseen. */
  get fadesAt(): number | null {
    return this.#fadesAt;
  }

  /** Whether it spoke while it was not listened to: it has to be asked again before it can be. */
  get missed(): boolean {
    return this.#missed;
  }

  /** It was asked for the whole of what it has to say, and answered, `heard` or not. */
  answered(): void {
    this.#missed = !this.#heard;
  }

  miss(): void {
    this.#missed = true;
  }

  /** `may`: everyone here could sit where it stands. True when it has lost its say just now. */
  look(may: boolean, now: number): boolean {
    if (may || !this.#heard) {
      this.#heard = may;
      this.#fadesAt = null;
      return false;
    }
    this.#fadesAt ??= now + FADE_MS;
    if (now < this.#fadesAt) return false;
    this.#heard = false;
    this.#fadesAt = null;
    return true;
  }
}
