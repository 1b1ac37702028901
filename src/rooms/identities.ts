import { createHash } from 'node:crypto';
import type { SharedState } from '../cluster/federation/messages.ts';
import type { Decision, Withheld } from '../cluster/federation/types.ts';
import { growsBy, mergeLabels } from '../cluster/merge-labels.ts';
import type { Label } from '../policy/model.ts';

type Decided = Partial<Pick<Decision, 'keptOut' | 'letIn'>>;

/** People whom hosts decided about, for as long as the room lives: hashed, each with the label it is judged by. */
export class Identities {
  readonly #decisions = new Map<string, Decision>();
  /** Told the hash of everyone about whom something new is decided, or known. */
  onDecided: (hash: string) => void = () => {};

  /** By the person's hash. */
  get decisions(): ReadonlyMap<string, Decision> {
    return this.#decisions;
  }

  /** What was decided about somebody; undefined for nothing. */
  of(identity: string): Decision | undefined {
    return this.#decisions.get(hash(identity));
  }

  /** False when nothing is new by it. */
  decide(identity: string, label: Label, decided: Decided): boolean {
    return this.#put(hash(identity), label, decided);
  }

  /** True when somebody who is here is judged by another label now. */
  relabel(identity: string, label: Label): boolean {
    const hashed = hash(identity);
    return this.#decisions.has(hashed) && this.#put(hashed, label, {});
  }

  /** Takes what another node says; `withheld`: what of it may not be known here. */
  merge(
    { keptOut, letIn, outgrown }: Pick<SharedState, 'keptOut' | 'letIn' | 'outgrown'>,
    withheld: Withheld,
  ) {
    for (const { label, hashes } of keptOut)
      for (const hashed of hashes) this.#hear(hashed, label, { keptOut: true });
    for (const { label, hashes } of letIn)
      for (const hashed of hashes) this.#hear(hashed, label, { letIn: true });
    // Who knows of more than what has been outgrown knows what it grew by.
    for (const { label, hashes } of outgrown) this.#outgrow(hashes, (known) => !growsBy(label, known));
    for (const { label, hashes } of withheld) this.#outgrow(hashes, (known) => growsBy(known, label));
  }

  /** Somebody who was seen by two labels is told of where both may be known. */
  #put(hashed: string, label: Label, { keptOut = false, letIn = false }: Decided): boolean {
    const before = this.#decisions.get(hashed);
    if (before === undefined) {
      this.#set(hashed, { label: mergeLabels(label, label), keptOut, letIn, outgrown: false });
      return true;
    }
    const grown = growsBy(before.label, label);
    if (!grown && (before.keptOut || !keptOut) && (before.letIn || !letIn)) return false;
    this.#set(hashed, {
      label: grown ? mergeLabels(before.label, label) : before.label,
      keptOut: before.keptOut || keptOut,
      letIn: before.letIn || letIn,
      // By what is seen of them here it is not known what they had grown by elsewhere.
      outgrown: before.outgrown,
    });
    return true;
  }

  /** A node that says more of somebody than is known here may know all of it. */
  #hear(hashed: string, label: Label, decided: Decided): void {
    const before = this.#decisions.get(hashed);
    if (before?.outgrown === true && growsBy(before.label, label))
      this.#set(hashed, { ...before, outgrown: false });
    this.#put(hashed, label, decided);
  }

  #set(hashed: string, decision: Decision): void {
    this.#decisions.set(hashed, decision);
    this.onDecided(hashed);
  }

  /** The decision stays, but goes nowhere from here. */
  #outgrow(hashes: readonly string[], isOutgrown: (known: Label) => boolean): void {
    for (const hashed of hashes) {
      const known = this.#decisions.get(hashed);
      if (known?.outgrown === false && isOutgrown(known.label))
        this.#set(hashed, { ...known, outgrown: true });
    }
  }
}

/** Identities are the issuer's words for its people: nodes compare them without telling them. */
function hash(identity: string): string {
  return createHash('sha256').update(`watershed kept out\0${identity}`).digest('base64url');
}
