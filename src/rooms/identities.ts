import { createHash } from 'node:crypto';
import type { SharedState } from '../cluster/federation/messages.ts';
import type { Decision, Withheld } from '../cluster/federation/types.ts';
import { growsBy, mergeLabels, wordsOf } from '../cluster/merge-labels.ts';
import type { Label } from '../policy/model.ts';

type Decided = Partial<Pick<Decision, 'keptOut' | 'letIn'>>;

/**
 * What a room remembers of people at most, in hashes and names of regions, of those who were removed and of those who
 * were only let in: some 25 000 people of each.
 */
export const MOST_WORDS = 50_000;
/** Removed people beyond it: so many, the last ones, are remembered by their hash alone, and told of to nobody. */
const MOST_BEYOND = 1000;

/**
 * People whom hosts decided about, for as long as the room lives: hashed, each with the label it is judged by. Beyond
 * what is remembered, whoever was let in longest ago is forgotten first. Nobody who was removed is: one more, or more
 * about one, is not taken any more, and `overflown` says so.
 */
export class Identities {
  readonly #decisions = new Map<string, Decision>();
  /** Those who were only let in, longest ago first. */
  readonly #onlyLetIn = new Set<string>();
  readonly #words = { keptOut: 0, letIn: 0 };
  readonly #beyond = new Set<string>();
  /** Told the hash of everyone about whom something new is decided, or known, or what was is forgotten. */
  onDecided: (hash: string) => void = () => {};

  /** By the person's hash. */
  get decisions(): ReadonlyMap<string, Decision> {
    return this.#decisions;
  }

  /** Whether more people were removed than are remembered for good. */
  get overflown(): boolean {
    return this.#beyond.size > 0;
  }

  /** Whether somebody was removed by a host, as far as is remembered. */
  keepsOut(identity: string): boolean {
    const hashed = hashOf(identity);
    return this.#decisions.get(hashed)?.keptOut === true || this.#beyond.has(hashed);
  }

  /** What was decided about somebody; undefined for nothing. */
  of(identity: string): Decision | undefined {
    return this.#decisions.get(hashOf(identity));
  }

  /** False when nothing is new by it. */
  decide(identity: string, label: Label, decided: Decided): boolean {
    return this.#put(hashOf(identity), label, decided);
  }

  /** True when somebody who is here is judged by another label now. */
  relabel(identity: string, label: Label): boolean {
    const hashed = hashOf(identity);
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
    const before = this.#decisions.get(hashed);
    const words = wordsOf(decision.label);
    const kept = before?.keptOut === true ? wordsOf(before.label) : 0;
    if (decision.keptOut && words > kept && this.#words.keptOut - kept + words > MOST_WORDS) {
      this.#beyond.add(hashed);
      const [oldest] = this.#beyond;
      if (oldest !== undefined && this.#beyond.size > MOST_BEYOND) this.#beyond.delete(oldest);
      // By how much a label has grown is not remembered: so nobody else is told of it.
      if (before?.keptOut === true) this.#store(hashed, { ...before, outgrown: true });
      else this.#forget(hashed);
      return;
    }
    this.#store(hashed, decision);
    for (const oldest of this.#onlyLetIn) {
      if (this.#words.letIn <= MOST_WORDS) break;
      this.#forget(oldest);
    }
  }

  #store(hashed: string, decision: Decision): void {
    this.#take(hashed);
    this.#decisions.set(hashed, decision);
    this.#words[decision.keptOut ? 'keptOut' : 'letIn'] += wordsOf(decision.label);
    if (!decision.keptOut) this.#onlyLetIn.add(hashed);
    this.onDecided(hashed);
  }

  #forget(hashed: string): void {
    if (!this.#take(hashed)) return;
    this.#decisions.delete(hashed);
    this.onDecided(hashed);
  }

  /** Out of the account; false where there is nobody. */
  #take(hashed: string): boolean {
    const before = this.#decisions.get(hashed);
    if (before === undefined) return false;
    this.#words[before.keptOut ? 'keptOut' : 'letIn'] -= wordsOf(before.label);
    this.#onlyLetIn.delete(hashed);
    return true;
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
export function hashOf(identity: string): string {
  return createHash('sha256').update(`watershed kept out\0${identity}`).digest('base64url');
}
