import type { SharedState } from '../cluster/federation/messages.ts';
import type { Label } from '../policy/model.ts';
import { Identities } from './identities.ts';

/**
 * What hosts decided for the whole room, at whatever node: the later decision counts, and of two that were made
 * at once the stricter. Whoever was removed, and an end, stay.
 */
export class RoomRules {
  #version = 0;
  #locked = false;
  #ended = false;
  readonly #keptOut = new Identities();
  /** Who need not wait for a host (again): they were let in, at whatever node. */
  readonly #letIn = new Identities();

  get locked(): boolean {
    return this.#locked;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Whether a participant was removed by a host. */
  keepsOut(identity: string): boolean {
    return this.#keptOut.has(identity);
  }

  /** False when it was so already. */
  lock(locked: boolean): boolean {
    if (locked === this.#locked) return false;
    this.#locked = locked;
    this.#version += 1;
    return true;
  }

  keepOut(identity: string, label: Label): void {
    this.#keptOut.add(identity, label);
    this.#version += 1;
  }

  /** Whether a participant was let in once. */
  hasLetIn(identity: string): boolean {
    return this.#letIn.has(identity);
  }

  /** False when it was so already. */
  letIn(identity: string, label: Label): boolean {
    return this.#letIn.add(identity, label);
  }

  /** The label of a participant has changed; true where others were told of it. */
  relabel(identity: string, label: Label): boolean {
    const letIn = this.#letIn.relabel(identity, label);
    return this.#keptOut.relabel(identity, label) || letIn;
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
      keptOut: this.#keptOut.state(),
      letIn: this.#letIn.state(),
      remainingSeconds,
    };
  }

  /** Takes what another node says. True when the lock has changed by it. */
  merge({ version, locked, ended, keptOut, letIn }: SharedState): boolean {
    const before = this.#locked;
    this.#letIn.merge(letIn);
    this.#keptOut.merge(keptOut);
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
