import { createHash } from 'node:crypto';
import type { SharedState } from '../cluster/federation/messages.ts';

/**
 * What hosts decided for the whole room, at whatever node: the later decision counts, and of two that were made
 * at once the stricter. Whoever was removed, and an end, stay.
 */
export class RoomRules {
  #version = 0;
  #locked = false;
  #ended = false;
  readonly #keptOut = new Set<string>();
  /** Who need not wait for a host (again): they were let in, at whatever node. */
  readonly #letIn = new Set<string>();

  get locked(): boolean {
    return this.#locked;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Whether a participant was removed by a host. */
  keepsOut(identity: string): boolean {
    return this.#keptOut.has(hash(identity));
  }

  /** False when it was so already. */
  lock(locked: boolean): boolean {
    if (locked === this.#locked) return false;
    this.#locked = locked;
    this.#version += 1;
    return true;
  }

  keepOut(identity: string): void {
    this.#keptOut.add(hash(identity));
    this.#version += 1;
  }

  /** Whether a participant was let in once. */
  hasLetIn(identity: string): boolean {
    return this.#letIn.has(hash(identity));
  }

  /** False when it was so already. */
  letIn(identity: string): boolean {
    const before = this.#letIn.size;
    this.#letIn.add(hash(identity));
    return this.#letIn.size > before;
  }

  end(): void {
    this.#ended = true;
    this.#version += 1;
  }

  state(remainingSeconds: number | null): SharedState {
    const { locked, ended } = this;
    return {
      version: this.#version,
      locked,
      ended,
      keptOut: [...this.#keptOut],
      letIn: [...this.#letIn],
      remainingSeconds,
    };
  }

  /** Takes what another node says. True when the lock has changed by it. */
  merge({ version, locked, ended, keptOut, letIn }: SharedState): boolean {
    const before = this.#locked;
    for (const identity of letIn) this.#letIn.add(identity);
    for (const identity of keptOut) this.#keptOut.add(identity);
    this.#ended ||= ended;
    if (version > this.#version) {
      this.#version = version;
      this.#locked = locked;
    } else if (version === this.#version) {
      this.#locked ||= locked;
    }
    return before !== this.#locked;
  }
}

/** Identities are the issuer's words for its people: nodes compare them without telling them. */
function hash(identity: string): string {
  return createHash('sha256').update(`watershed kept out\0${identity}`).digest('base64url');
}
