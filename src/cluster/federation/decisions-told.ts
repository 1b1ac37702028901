import type { Label } from '../../policy/model.ts';
import { growsBy, mergeLabels } from '../merge-labels.ts';
import type { IdentitiesState, SharedState } from './messages.ts';
import type { Decision } from './types.ts';

/** What of a room's state is about people. */
export type AboutPeople = Pick<SharedState, 'keptOut' | 'letIn' | 'outgrown'>;

interface Known {
  label: Label;
  keptOut: boolean;
  letIn: boolean;
}

/** What another node knows of hosts' decisions about people: what it was told, and what it has said itself. */
export class DecisionsTold {
  readonly #known = new Map<string, Known>();
  /** People of whom it has said that it knows more, with what it was told of them all the same. */
  readonly #fuller = new Map<string, Known>();

  /** It is told everything anew: it may have forgotten. */
  forget(): void {
    this.#known.clear();
    for (const told of this.#fuller.values()) Object.assign(told, { keptOut: false, letIn: false });
  }

  /** The other node has said this. */
  heard({ keptOut, letIn, outgrown }: AboutPeople): void {
    for (const { label, hashes } of outgrown) {
      for (const hash of hashes) {
        const nothing = { label, keptOut: false, letIn: false };
        this.#fuller.set(hash, this.#known.get(hash) ?? this.#fuller.get(hash) ?? nothing);
        this.#known.delete(hash);
      }
    }
    for (const { label, hashes } of keptOut)
      for (const hash of hashes) noted(this.#known, hash, label).keptOut = true;
    for (const { label, hashes } of letIn)
      for (const hash of hashes) noted(this.#known, hash, label).letIn = true;
  }

  /**
   * The people whom the other node may know of, with what it does not know yet. It counts as told. Who has
   * been outgrown here is told of to those alone who said so: they know the whole, and who else may.
   */
  fresh(
    decisions: ReadonlyMap<string, Decision>,
    mayKnow: (label: Label) => boolean,
  ): Pick<AboutPeople, 'keptOut' | 'letIn'> {
    const [keptOut, letIn] = [new Groups(), new Groups()];
    for (const [hash, decision] of decisions) {
      if (!mayKnow(decision.label)) continue;
      const told = decision.outgrown ? this.#fuller : this.#known;
      const before = told.get(hash);
      if (decision.outgrown && before === undefined) continue;
      const isNew = before === undefined || growsBy(before.label, decision.label);
      if (decision.keptOut && (isNew || !before.keptOut)) keptOut.add(decision.label, hash);
      if (decision.letIn && (isNew || !before.letIn)) letIn.add(decision.label, hash);
      const known = noted(told, hash, decision.label);
      known.keptOut ||= decision.keptOut;
      known.letIn ||= decision.letIn;
    }
    return { keptOut: keptOut.all(), letIn: letIn.all() };
  }

  /**
   * Of these people, those whom the other node knows by a label that has grown by more than it may know. It counts as
   * told, and they are not spoken of again.
   */
  outgrown(
    decisions: ReadonlyMap<string, Decision>,
    hashes: Iterable<string>,
    mayKnow: (label: Label) => boolean,
  ): IdentitiesState {
    const outgrown = new Groups();
    for (const hash of hashes) {
      const [known, decision] = [this.#known.get(hash), decisions.get(hash)];
      if (known === undefined || decision === undefined || !isOutgrown(known, decision, mayKnow)) continue;
      outgrown.add(known.label, hash);
      this.#known.delete(hash);
    }
    return outgrown.all();
  }
}

/** A person's entry, now by this label too. */
function noted(told: Map<string, Known>, hash: string, label: Label): Known {
  const before = told.get(hash);
  if (before === undefined) {
    const known = { label, keptOut: false, letIn: false };
    told.set(hash, known);
    return known;
  }
  before.label = mergeLabels(before.label, label);
  return before;
}

/** Everyone whom a message speaks of. */
export function hashesOf({ keptOut, letIn, outgrown }: AboutPeople): Set<string> {
  return new Set([...keptOut, ...letIn, ...outgrown].flatMap(({ hashes }) => hashes));
}

/** Whether what the other node knows is less than the whole, of which it may not be told. */
function isOutgrown(known: Known, decision: Decision, mayKnow: (label: Label) => boolean): boolean {
  if (decision.outgrown) return !growsBy(decision.label, known.label);
  return growsBy(known.label, decision.label) && !mayKnow(decision.label);
}

/** People by label. */
class Groups {
  readonly #groups = new Map<string, IdentitiesState[number]>();

  add({ home, evidence, regions }: Label, hash: string): void {
    const label = { home, evidence: [...evidence], regions: regions === null ? null : [...regions] };
    const key = JSON.stringify(label);
    const group = this.#groups.get(key) ?? { label, hashes: [] };
    group.hashes.push(hash);
    this.#groups.set(key, group);
  }

  all(): IdentitiesState {
    return [...this.#groups.values()];
  }
}
