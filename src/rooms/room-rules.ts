import type { RulesState, SharedState } from '../cluster/federation/messages.ts';
import type { Decision, Withheld } from '../cluster/federation/types.ts';
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
  readonly #identities = new Identities();

  /** Locked by a host; or for good, since more people were removed than are remembered. */
  get locked(): boolean {
    return this.#locked || this.overflown;
  }

  /** Whether more people were removed than are remembered: one of them could come back by a door that is open. */
  get overflown(): boolean {
    return this.#identities.overflown;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** What was decided about people, by their hash. */
  get decisions(): ReadonlyMap<string, Decision> {
    return this.#identities.decisions;
  }

  /** Tells the listener the hash of everyone of whom what is decided, or known, has changed. There is one. */
  onDecided(listener: (hash: string) => void): void {
    this.#identities.onDecided = listener;
  }

  /** Whether a participant was removed by a host. */
  keepsOut(identity: string): boolean {
    return this.#identities.keepsOut(identity);
  }

  /** False when it was so already, or stays so. */
  lock(locked: boolean): boolean {
    const before = this.locked;
    this.#locked = locked;
    if (before === this.locked) return false;
    this.#version += 1;
    return true;
  }

  /** True when the lock has changed by it. */
  keepOut(identity: string, label: Label): boolean {
    const before = this.locked;
    this.#identities.decide(identity, label, { keptOut: true });
    this.#version += 1;
    return before !== this.locked;
  }

  /**
   * Whether a participant was let in once, at whatever node: it need not wait for a host again. Of one whose label has
   * outgrown this node it is not known whether a host elsewhere has removed them since: they wait.
   */
  hasLetIn(identity: string): boolean {
    const decision = this.#identities.of(identity);
    return decision?.letIn === true && !decision.outgrown;
  }

  /** False when it was so already, by all that its label says. */
  letIn(identity: string, label: Label): boolean {
    return this.#identities.decide(identity, label, { letIn: true });
  }

  /** The label of a participant has changed; true where others were told of it. */
  relabel(identity: string, label: Label): boolean {
    return this.#identities.relabel(identity, label);
  }

  end(): void {
    this.#ended = true;
    this.#version += 1;
  }

  state(remainingSeconds: number | null): RulesState {
    const { locked, ended } = this;
    return { version: this.#version, locked, ended, remainingSeconds };
  }

  /** Takes what another node says; `withheld`: what of it may not be known here. True when the lock has changed by it. */
  merge({ version, locked, ended, ...people }: SharedState, withheld: Withheld): boolean {
    const before = this.locked;
    this.#identities.merge(people, withheld);
    this.#ended ||= ended;
    if (version > this.#version) {
      this.#version = version;
      this.#locked = locked;
    } else if (version === this.#version) {
      this.#locked ||= locked;
    }
    return before !== this.locked;
  }
}
