import type { NodeKey } from '../../policy/node-key.ts';
import type { Update } from './messages.ts';

/** Meetings with other nodes: one with each at a time, in which what that node says of the room waits. */
export class Meetings {
  readonly #waiting = new Map<NodeKey, Update[]>();
  readonly #running = new Map<NodeKey, Promise<boolean>>();

  /** Whether this node is being met: its updates wait for the answer. */
  isMeeting(node: NodeKey): boolean {
    return this.#waiting.has(node);
  }

  /** Keeps an update of a node that is being met. */
  keep(node: NodeKey, update: Update): void {
    this.#waiting.get(node)?.push(update);
  }

  /** What a node that is being met said meanwhile, in order. */
  kept(node: NodeKey): readonly Update[] {
    return this.#waiting.get(node) ?? [];
  }

  /** The node is met: from here on its updates do not wait, and another meeting may begin. */
  over(node: NodeKey): void {
    this.#waiting.delete(node);
    this.#running.delete(node);
  }

  /** Runs one meeting with a node, or waits for the one that there is. Must not reject. */
  alone(node: NodeKey, meeting: () => Promise<boolean>): Promise<boolean> {
    const running = this.#running.get(node);
    if (running !== undefined) return running;
    const updates: Update[] = [];
    this.#waiting.set(node, updates);
    const met = meeting().finally(() => {
      if (this.#waiting.get(node) === updates) this.#waiting.delete(node);
      if (this.#running.get(node) === met) this.#running.delete(node);
    });
    this.#running.set(node, met);
    return met;
  }
}
