import type { Label } from '../../policy/model.ts';
import type { NodeKey } from '../../policy/node-key.ts';
import { growsBy, mergeLabels, wordsOf } from '../merge-labels.ts';
import type { IdentitiesState, SharedState } from './messages.ts';
import type { Decision } from './types.ts';

/** What of a room's state is about people. */
export type AboutPeople = Pick<SharedState, 'keptOut' | 'letIn' | 'outgrown'>;

type Decisions = ReadonlyMap<string, Decision>;

interface Known {
  label: Label;
  keptOut: boolean;
  letIn: boolean;
}

/**
 * What is remembered of people that another node spoke of and nothing is decided about here, in hashes and names of
 * regions: who was spoken of longest ago is forgotten first, and then that node is not told when they have grown.
 */
const UNDECIDED_WORDS = 50_000;

/** What another node knows of hosts' decisions about people: what it was told, and what it has said itself. */
export class DecisionsTold {
  readonly #known = new Map<string, Known>();
  /** People of whom it has said that it knows more, with what it was told of them all the same. */
  readonly #fuller = new Map<string, Known>();
  /** Those of whom nothing is decided here, with the words that are remembered of each. */
  readonly #undecided = new Map<string, number>();
  #undecidedWords = 0;
  /** Whom there may be something to tell of; null for everyone. */
  #due: Set<string> | null = null;

  /** It is told everything anew: it may have forgotten. */
  forget(): void {
    this.#known.clear();
    for (const hash of [...this.#undecided.keys()]) if (!this.#fuller.has(hash)) this.#isDecided(hash);
    for (const told of this.#fuller.values()) Object.assign(told, { keptOut: false, letIn: false });
    this.lookAgain();
  }

  /** Whether it has said that it knows more of somebody, which is remembered when it is met anew. */
  get knowsMore(): boolean {
    return this.#fuller.size > 0;
  }

  /** By another policy it may know of others. */
  lookAgain(): void {
    this.#due = null;
  }

  /** Something new is decided about somebody, or known; or nothing is any more. */
  decided(hash: string, decisions: Decisions): void {
    if (decisions.has(hash)) {
      this.#due?.add(hash);
      this.#isDecided(hash);
    } else {
      this.#due?.delete(hash);
      this.#remember(hash);
      this.#bound(decisions);
    }
  }

  /** The other node has said this; `decisions`: with what was taken of it. */
  heard({ keptOut, letIn, outgrown }: AboutPeople, decisions: Decisions): void {
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
    for (const hash of hashesOf({ keptOut, letIn, outgrown })) this.decided(hash, decisions);
  }

  /**
   * What there is to say of people: whom the other node may know of, with what it does not know yet, and whom it knows
   * too little of. It counts as told. Who has been outgrown here is told of to those alone who said so: they know the
   * whole, and who else may. They are told that it is no more than a part: they may have started since.
   */
  fresh(decisions: Decisions, mayKnow: (label: Label) => boolean): AboutPeople {
    const due = this.#due ?? decisions.keys();
    this.#due = new Set();
    const [keptOut, letIn, outgrown] = [new Groups(), new Groups(), new Groups()];
    for (const hash of due) {
      const decision = decisions.get(hash);
      if (decision === undefined) continue;
      this.#outgrow(outgrown, hash, decision, mayKnow);
      if (!mayKnow(decision.label)) continue;
      const told = decision.outgrown ? this.#fuller : this.#known;
      const before = told.get(hash);
      if (decision.outgrown && before === undefined) continue;
      const isNew = before === undefined || growsBy(before.label, decision.label);
      const tells = (what: 'keptOut' | 'letIn') => decision[what] && (isNew || !before[what]);
      const [isKeptOut, isLetIn] = [tells('keptOut'), tells('letIn')];
      if (isKeptOut) keptOut.add(decision.label, hash);
      if (isLetIn) letIn.add(decision.label, hash);
      if (decision.outgrown && (isKeptOut || isLetIn)) outgrown.add(decision.label, hash);
      const known = noted(told, hash, decision.label);
      known.keptOut ||= decision.keptOut;
      known.letIn ||= decision.letIn;
    }
    return { keptOut: keptOut.all(), letIn: letIn.all(), outgrown: outgrown.all() };
  }

  /**
   * Of these people, those whom the other node knows by a label that has grown by more than it may know. It counts as
   * told, and they are not spoken of again.
   */
  outgrown(
    decisions: Decisions,
    hashes: Iterable<string>,
    mayKnow: (label: Label) => boolean,
  ): IdentitiesState {
    const outgrown = new Groups();
    for (const hash of hashes) {
      const decision = decisions.get(hash);
      if (decision !== undefined) this.#outgrow(outgrown, hash, decision, mayKnow);
    }
    return outgrown.all();
  }

  #outgrow(outgrown: Groups, hash: string, decision: Decision, mayKnow: (label: Label) => boolean): void {
    const known = this.#known.get(hash);
    if (known === undefined || !isOutgrown(known, decision, mayKnow)) return;
    outgrown.add(known.label, hash);
    this.#known.delete(hash);
  }

  /** As the newest of those of whom nothing is decided here. */
  #remember(hash: string): void {
    this.#isDecided(hash);
    const known = [this.#known.get(hash), this.#fuller.get(hash)];
    const sum = known.reduce((total, one) => total + (one === undefined ? 0 : wordsOf(one.label)), 0);
    if (sum === 0) return;
    this.#undecided.set(hash, sum);
    this.#undecidedWords += sum;
  }

  #isDecided(hash: string): void {
    this.#undecidedWords -= this.#undecided.get(hash) ?? 0;
    this.#undecided.delete(hash);
  }

  #bound(decisions: Decisions): void {
    for (const hash of this.#undecided.keys()) {
      if (this.#undecidedWords <= UNDECIDED_WORDS) return;
      this.#isDecided(hash);
      if (decisions.has(hash)) continue;
      this.#known.delete(hash);
      this.#fuller.delete(hash);
    }
  }
}

/** Of nodes that are gone, so many, it is remembered of whom they know more: they may be met anew. */
const GONE_NODES = 256;

/** What the nodes of a room know that are not met, or not yet. */
export class ToldNodes {
  readonly #gone = new Map<NodeKey, DecisionsTold>();

  met(node: NodeKey): DecisionsTold {
    const decisions = this.#gone.get(node) ?? new DecisionsTold();
    this.#gone.delete(node);
    return decisions;
  }

  gone(node: NodeKey, decisions: DecisionsTold): void {
    decisions.forget();
    if (!decisions.knowsMore) return;
    this.#gone.set(node, decisions);
    const [oldest] = this.#gone.keys();
    if (oldest !== undefined && this.#gone.size > GONE_NODES) this.#gone.delete(oldest);
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
