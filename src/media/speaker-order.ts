/**
 * The order in which peers' cameras are given to subscribers when not all are. Stable: while the same people
 * talk, nobody's picture moves. A speaker from outside the first `n` takes the place of the one of them that
 * has been silent longest. Pure: no clock, the order of calls is the time.
 */
export class SpeakerOrder {
  #order: string[] = [];
  readonly #spoke = new Map<string, number>();
  #tick = 0;

  /** A new peer comes last. */
  add(peerId: string): void {
    if (!this.#order.includes(peerId)) this.#order.push(peerId);
  }

  remove(peerId: string): void {
    this.#order = this.#order.filter((id) => id !== peerId);
    this.#spoke.delete(peerId);
  }

  /** The peer became the dominant speaker. `n` is how many cameras a subscriber gets. */
  speaks(peerId: string, n: number, hasCamera: (peerId: string) => boolean): void {
    if (!this.#order.includes(peerId)) return;
    this.#tick += 1;
    this.#spoke.set(peerId, this.#tick);
    const seen = this.#order.filter(hasCamera).slice(0, n);
    if (seen.includes(peerId) || n === 0) return;
    const silent = seen.reduce<string | undefined>(
      (longest, id) => (longest === undefined || this.#spokeAt(id) < this.#spokeAt(longest) ? id : longest),
      undefined,
    );
    if (silent === undefined) return;
    // The speaker takes the silent one's place, and the silent one comes right after those who are seen.
    const others = this.#order.filter((id) => id !== peerId);
    const place = others.indexOf(silent);
    others[place] = peerId;
    const last = Math.max(...seen.map((id) => (id === silent ? place : others.indexOf(id))));
    others.splice(last + 1, 0, silent);
    this.#order = others;
  }

  /** The first `n` peers with a camera, without the one who watches. */
  first(n: number, watcher: string, hasCamera: (peerId: string) => boolean): Set<string> {
    return new Set(this.#order.filter((id) => id !== watcher && hasCamera(id)).slice(0, n));
  }

  #spokeAt(peerId: string): number {
    return this.#spoke.get(peerId) ?? 0;
  }
}
