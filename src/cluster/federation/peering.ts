import type { Link } from '../../links/types.ts';
import type { Label } from '../../policy/model.ts';
import type { LeaveReason } from '../../protocol/events.ts';
import type { AboutPeople, DecisionsTold } from './decisions-told.ts';
import { Hearing } from './hearing.ts';
import type {
  Meet,
  MemberState,
  PlacesState,
  RulesState,
  SharedState,
  Update,
  WaitingState,
} from './messages.ts';
import { labelsOf, type Part } from './placement.ts';
import type { LocalRoom, RemoteNode } from './types.ts';

/** Whether what carries this label may be known here, or at the other node's datacenter. */
export type Known = (label: Label, datacenter: string) => boolean;

/**
 * By how much a node's word of what hosts decided may be later than what is known here. More than the hosts of a room
 * decide; by less, a node that lies would soon have told the last number there is, after which nobody could decide.
 */
const MOST_AHEAD = 2 ** 20;

const NOBODY: PlacesState = { homes: [], evidence: [], moves: true, regions: null };

/** What this node knows of one other node's part of a room, and what it has told that node. */
export class Peering {
  readonly node: RemoteNode;
  readonly decisions: DecisionsTold;
  /** Whether the other node has a say here: what it says is handed to this by who has asked. */
  readonly hearing = new Hearing();
  link: Link;
  readonly #room: LocalRoom;
  readonly #here: string;
  readonly #known: Known;
  readonly #refused: (reason: string) => void;
  readonly #members = new Map<string, MemberState>();
  /** Members here that the other node knows of. */
  readonly #told = new Set<string>();
  #places = NOBODY;
  /** Who waits there, of those who may be known here. */
  #waiting: readonly WaitingState[] = [];
  /** What the other node has heard last of who waits here. */
  #toldWaiting = '[]';
  #met = false;
  #withheld = false;

  constructor(
    node: RemoteNode,
    link: Link,
    room: LocalRoom,
    here: string,
    known: Known,
    decisions: DecisionsTold,
    refused: (reason: string) => void,
  ) {
    this.node = node;
    this.link = link;
    this.#room = room;
    this.#here = here;
    this.#known = known;
    this.decisions = decisions;
    this.#refused = refused;
  }

  /** Whether the other node was asked who is there, and answered. */
  get met(): boolean {
    return this.#met;
  }

  /** Whether its part is what it has said itself; otherwise it is what the registry says. */
  get counts(): boolean {
    return this.#met && this.hearing.heard;
  }

  /** Whether the other node has said what could not be known here: by another policy it may be. */
  get withheld(): boolean {
    return this.#withheld;
  }

  get part(): Part {
    const { homes, evidence, ...rest } = this.#places;
    return { datacenter: this.node.datacenter, labels: labelsOf(homes, evidence), ...rest };
  }

  /**
   * Of a node that has no say: those who it says sit there, where each of them may, and none may sit here. Neither node
   * hears the other then, and unless their rooms go to a third place they never meet. Null where it is otherwise.
   */
  get fencedPart(): Part | null {
    const { datacenter } = this.node;
    if (!this.#met || this.hearing.heard) return null;
    const labels = this.part.labels.filter((label) => this.#known(label, datacenter));
    if (labels.length === 0 || labels.some((label) => this.#known(label, this.#here))) return null;
    return { datacenter, labels, moves: true, regions: null };
  }

  has(peerId: string): boolean {
    return this.#members.has(peerId);
  }

  member(peerId: string): MemberState | undefined {
    return this.#members.get(peerId);
  }

  /** The nodes meet, perhaps anew: what the other one knows, it says, or is told. */
  begin(): void {
    this.#told.clear();
    this.decisions.forget();
  }

  /** Takes the whole of what the other node says; members that it does not name are gone. */
  meets({ places, members, others, waiting, shared }: Omit<Meet, 'room' | 'link'>): void {
    this.#met = true;
    this.hearing.answered();
    this.#places = places;
    if (!this.hearing.heard) return;
    this.#withheld = false;
    const named = new Set([...others, ...members.map(({ peerId }) => peerId)]);
    for (const peerId of [...this.#members.keys()]) if (!named.has(peerId)) this.#gone(peerId, 'lost');
    this.updated({ members, waiting, shared });
  }

  /** Takes what has changed, in the order in which nothing forbidden stays: who is gone first. */
  updated(update: Omit<Update, 'room' | 'left'>): void {
    if (update.places !== undefined) this.#places = update.places;
    if (!this.hearing.heard) {
      this.hearing.miss();
      return;
    }
    for (const { peerId, reason } of update.gone ?? []) this.#gone(peerId, reason);
    for (const member of update.members ?? []) this.#upsert(member);
    if (update.shared !== undefined) this.#share(update.shared);
    if (update.waiting !== undefined) this.#waits(update.waiting);
    const { chat } = update;
    const author = chat === undefined ? undefined : this.#members.get(chat.peerId);
    if (chat !== undefined && author !== undefined && this.#knowable(author.label)) {
      this.#room.remoteChat(this.node, chat.peerId, chat);
    }
  }

  /** Judges again what is known of members there, and of who waits, by the policy of this moment. */
  rejudge(): void {
    for (const { label, peerId } of [...this.#members.values()]) {
      if (!this.#knowable(label)) this.#gone(peerId, 'policy');
    }
    if (this.#waiting.length > 0) this.#waits(this.#waiting);
  }

  /** The node has nobody here any more, is gone, or has no say any more. */
  end(reason: 'left' | 'lost' | 'policy'): void {
    for (const peerId of [...this.#members.keys()]) this.#gone(peerId, reason);
    this.#waits([]);
    if (reason !== 'policy') this.#places = NOBODY;
    this.hearing.miss();
  }

  /** Everything that the other node may know and does not know yet, after `begin`. */
  introduce(places: PlacesState): Omit<Meet, 'room' | 'link' | 'others'> {
    const members = this.#room.members().filter(({ label }) => this.#tellable(label));
    for (const { peerId } of members) this.#told.add(peerId);
    const waiting = this.#tellableWaiting();
    this.#toldWaiting = JSON.stringify(waiting);
    return { places, members, waiting, ...this.sharedUpdate() };
  }

  /** What to tell of members here that came, changed or went; what may not be known any more is taken back. */
  changes(peerIds: Iterable<string>, reason: LeaveReason): Pick<Update, 'members' | 'gone'> {
    const members: MemberState[] = [];
    const gone: NonNullable<Update['gone']> = [];
    for (const peerId of peerIds) {
      const member = this.#room.member(peerId);
      if (member !== undefined && this.#tellable(member.label)) {
        members.push(member);
        this.#told.add(peerId);
      } else if (this.#told.delete(peerId)) {
        gone.push({ peerId, reason: member === undefined ? reason : 'policy' });
      }
    }
    return { ...(members.length > 0 && { members }), ...(gone.length > 0 && { gone }) };
  }

  /** Everyone that there could be something to tell of. */
  everyone(): Set<string> {
    return new Set([...this.#told, ...this.#room.members().map(({ peerId }) => peerId)]);
  }

  /** Who waits here, where that is not what the other node has heard. */
  waitingUpdate(): Pick<Update, 'waiting'> {
    const waiting = this.#tellableWaiting();
    const told = JSON.stringify(waiting);
    if (told === this.#toldWaiting) return {};
    this.#toldWaiting = told;
    return { waiting };
  }

  /** What hosts decided for the room, and about people what the other node does not know yet. */
  sharedUpdate(): Pick<Meet, 'shared'> {
    return { shared: { ...this.#room.shared(), ...this.#aboutPeople() } };
  }

  /** What hosts decided about people, where the other node does not know it yet: by another policy it may. */
  peopleUpdate(): Pick<Update, 'shared'> {
    this.decisions.lookAgain();
    return this.#sharedUnlessEmpty(this.#aboutPeople());
  }

  /** Of these people, those whom the other node knows by a label that has grown by more than it may know. */
  outgrownUpdate(hashes: ReadonlySet<string>): Pick<Update, 'shared'> {
    const outgrown = this.decisions.outgrown(this.#room.decisions(), hashes, this.#tellable);
    return this.#sharedUnlessEmpty({ keptOut: [], letIn: [], outgrown });
  }

  /** Whether the other node was told of a member here, whose words and acts may follow. */
  knows(peerId: string): boolean {
    const member = this.#room.member(peerId);
    return member !== undefined && this.#told.has(peerId) && this.#tellable(member.label);
  }

  #tellableWaiting(): WaitingState[] {
    return this.#room.waiting().filter(({ label }) => this.#tellable(label));
  }

  /** Whether it may be known here. */
  readonly #knowable = (label: Label): boolean => {
    const may = this.#known(label, this.#here);
    if (!may) this.#withheld = true;
    return may;
  };

  /** By the certificate of the link that it would go out on. */
  readonly #tellable = (label: Label): boolean => this.#known(label, this.link.peer.datacenter);

  #waits(waiting: readonly WaitingState[]): void {
    this.#waiting = waiting.filter(({ label }) => this.#knowable(label));
    this.#room.remoteWaiting(this.node, this.#waiting);
  }

  #aboutPeople(): AboutPeople {
    return this.decisions.fresh(this.#room.decisions(), this.#tellable);
  }

  #sharedUnlessEmpty(people: AboutPeople): Pick<Update, 'shared'> {
    const isEmpty = Object.values(people).every((groups) => groups.length === 0);
    return isEmpty ? {} : { shared: { ...this.#room.shared(), ...people } };
  }

  /** Takes what hosts there decided, without the people whose labels forbid it. */
  #share(shared: SharedState): void {
    const { keptOut, letIn } = shared;
    const may = new Map<Label, boolean>(
      [...keptOut, ...letIn].map(({ label }) => [label, this.#knowable(label)]),
    );
    const knowable = ({ label }: { label: Label }): boolean => may.get(label) === true;
    const taken = {
      ...shared,
      ...this.#believable(shared),
      keptOut: keptOut.filter(knowable),
      letIn: letIn.filter(knowable),
    };
    this.#room.share(
      taken,
      [...keptOut, ...letIn].filter((group) => !knowable(group)),
    );
    this.decisions.heard(shared, this.#room.decisions());
  }

  /**
   * What is known already, in place of rules that nobody can have decided. It counts as later from now on: otherwise a
   * node to which another lied by little less would never be heard again.
   */
  #believable({ version }: SharedState): Partial<RulesState> {
    const known = this.#room.shared();
    if (version <= known.version + MOST_AHEAD) return {};
    this.#refused('version');
    return { ...known, version: known.version + MOST_AHEAD };
  }

  #upsert(member: MemberState): void {
    if (!this.#knowable(member.label)) {
      this.#gone(member.peerId, 'policy');
      return;
    }
    // A peer is its own node's: nobody else speaks of a member here.
    if (this.#room.member(member.peerId) !== undefined) return;
    this.#members.set(member.peerId, member);
    this.#room.remoteMember(this.node, member);
  }

  #gone(peerId: string, reason: LeaveReason): void {
    if (this.#members.delete(peerId)) this.#room.remoteGone(this.node, peerId, reason);
  }
}
