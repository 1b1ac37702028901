import type { Link } from '../../links/types.ts';
import { type NodeKey, nodeKey } from '../../policy/node-key.ts';
import { type NodeRef, nodeOfPart, type RoomHost, type RoomRecord } from '../../registry/port.ts';
import { hashesOf, ToldNodes } from './decisions-told.ts';
import type { FederationDeps, WhoIsUp } from './deps.ts';
import { type HostRef, LeftOvers } from './left-overs.ts';
import { Meetings } from './meetings.ts';
import { type Meet, meetAnswerSchema, type PlacesState, type SharedState, type Update } from './messages.ts';
import { type Known, Peering } from './peering.ts';
import { type Part, partOf } from './placement.ts';
import { introductionOf, type Told, updatesOf } from './splitting.ts';
import type { LocalRoom } from './types.ts';

const MEET_REQUEST_MS = 2000;
/** How often nodes that the record names and that were not met are looked for. */
const MEND_MS = 3000;
const LOST_MS = 500;
/** How long a node may be out of reach before its members count as gone. */
const GRACE_MS = 15_000;

/** What meeting a room's other nodes needs of the room. */
export interface NeighboursHost {
  /** The room's key. */
  readonly key: string;
  readonly room: LocalRoom;
  readonly known: Known;
  /** Whether a node of that datacenter has a say in the room, by who is here now. */
  hears(datacenter: string): boolean;
  places(): PlacesState;
  /** Whether anybody is here, or waits. */
  occupied(): boolean;
  /** The record as it was read last; null before the first. */
  record(): RoomRecord | null;
  refresh(): Promise<RoomRecord>;
  /** What another node says has changed. */
  onChange(): void;
}

/** The other nodes of a room: met over links, lost and met again, and forgotten when they are gone. */
export class Neighbours {
  readonly #deps: FederationDeps;
  readonly #host: NeighboursHost;
  readonly #peerings = new Map<NodeKey, Peering>();
  readonly #meetings = new Meetings();
  readonly #toldNodes = new ToldNodes();
  readonly #lostAt = new Map<NodeKey, number>();
  readonly #leftOvers = new LeftOvers();
  #mending: NodeJS.Timeout | undefined;
  #fading: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(deps: FederationDeps, host: NeighboursHost) {
    this.#deps = deps;
    this.#host = host;
    host.room.onDecided((hash) => {
      for (const { decisions } of this.all()) decisions.decided(hash, host.room.decisions());
    });
  }

  all(): Peering[] {
    return [...this.#peerings.values()];
  }

  get(node: NodeKey): Peering | undefined {
    return this.#peerings.get(node);
  }

  /** What nodes have said themselves of who is there, of those that have a say. */
  metParts(): Part[] {
    return this.all()
      .filter(({ counts }) => counts)
      .map(({ part }) => part);
  }

  /** What nodes say that neither have a say here nor would hear this one; it can but lead the room to a third place. */
  fencedParts(): Part[] {
    return this.all().flatMap(({ fencedPart }) => fencedPart ?? []);
  }

  /** Every other node's part: as it said itself where that counts, else as the record says. */
  parts(record: RoomRecord | null): Part[] {
    const isRecorded = (host: RoomHost): boolean =>
      this.#isUnmet(host) || this.#peerings.get(nodeKey(nodeOfPart(host)))?.counts === false;
    return [...this.metParts(), ...(record?.hosts ?? []).filter(isRecorded).map(partOf)];
  }

  /**
   * Asks anew which nodes have a say here, by who is here now. What one that lost it had said of people is forgotten;
   * one that has it now, and was not listened to, is asked again.
   */
  listen(): void {
    for (const peering of this.all()) {
      this.#look(peering);
      if (peering.hearing.heard && peering.hearing.missed) this.#ask(peering);
    }
    this.#fadeSoon();
  }

  /** Whether a node has a say now. */
  #look(peering: Peering): void {
    const may = this.#host.hears(peering.node.datacenter);
    if (peering.hearing.look(may, performance.now())) peering.end('policy');
  }

  #fadeSoon(): void {
    const at = this.all().flatMap(({ hearing: { fadesAt } }) => fadesAt ?? []);
    if (this.#closed || this.#fading !== undefined || at.length === 0) return;
    const ms = Math.max(0, Math.min(...at) - performance.now()) + 1;
    this.#fading = setTimeout(() => {
      this.#fading = undefined;
      this.#host.onChange();
    }, ms);
  }

  /** Parts of nodes that died count for nothing, as soon as their lease has ended. */
  async findLeftOvers(record: RoomRecord): Promise<void> {
    const unmet = record.hosts.filter((host) => this.#isUnmet(host));
    await Promise.all(
      unmet.map(async (host) => {
        const node = await this.#deps.find(host.node, host.datacenter);
        if (node?.epoch !== host.nodeEpoch) this.#isLeftOver(host);
      }),
    );
  }

  /** Who is up, as far as links tell: for when the registry does not. */
  upByLinks(): WhoIsUp {
    const open = this.all().filter(({ link }) => link.open);
    const up = new Set(open.map((peering) => peering.node.datacenter));
    return {
      isLive: (d) => up.has(d),
      urlsFor: (d) => [this.#deps.policy()?.policy.datacenters.get(d)?.url ?? []].flat(),
    };
  }

  /** In as many messages as a link needs to carry it: who is gone first. */
  tell(peering: Peering, told: Told): void {
    for (const update of updatesOf(told)) {
      peering.link.notice('room.update', { room: this.#host.key, ...update });
    }
  }

  /** Says something to each node that `what` makes an update for. */
  tellAll(what: (peering: Peering) => Told | null): void {
    for (const peering of this.#peerings.values()) {
      const update = what(peering);
      if (update !== null) this.tell(peering, update);
    }
  }

  /** Another node meets this one. */
  onMeet(link: Link, meet: Meet): Meet {
    const peering = this.#peer(link, meet.link);
    peering.begin();
    this.#look(peering);
    peering.meets(meet);
    this.#lostAt.delete(nodeKey(link.peer));
    this.#host.onChange();
    const { meet: answer, rest } = this.#introduction(peering);
    // Ahead of the answer: who is being met keeps it until that is there.
    for (const update of rest) this.tell(peering, update);
    this.#tellOutgrown(peering, meet.shared);
    return answer;
  }

  onUpdate(link: Link, update: Update): void {
    const node = nodeKey(link.peer);
    const peering = this.#peerings.get(node);
    if (this.#meetings.isMeeting(node)) {
      if (update.left !== true) this.#meetings.keep(node, update);
      return;
    }
    if (peering === undefined) return;
    if (update.left === true) this.#drop(peering, 'left');
    else this.#updated(peering, update);
    this.#host.onChange();
  }

  #updated(peering: Peering, update: Update): void {
    this.#look(peering);
    peering.updated(update);
    if (update.shared !== undefined) this.#tellOutgrown(peering, update.shared);
  }

  /** Whoever knows, by what they know, too little of people that a node just spoke of is told so, that node too. */
  #tellOutgrown({ hearing }: Peering, said: SharedState): void {
    const hashes = hearing.heard ? hashesOf(said) : new Set<string>();
    if (hashes.size > 0) this.tellAll((peering) => peering.outgrownUpdate(hashes));
  }

  /** What could not be known here before the policy was switched may be now: whoever said such is asked again. */
  askAgain(): void {
    for (const peering of this.all()) if (peering.withheld) this.#ask(peering);
  }

  #ask(peering: Peering): void {
    // One that is out of reach, or is being met, says everything anyway.
    if (!peering.link.open || this.#meetings.isMeeting(nodeKey(peering.node))) return;
    void this.#alone(peering.node, () => this.#exchange(peering));
  }

  /** A link is gone: its node has a while to come back over another. */
  onLinkDown(link: Link): void {
    const node = nodeKey(link.peer);
    if (this.#peerings.get(node)?.link !== link) return;
    this.#lost(node, 50);
  }

  /** A node is out of reach, from the first time on that it was seen to be; it is looked for in so many ms. */
  #lost(node: NodeKey, ms: number): void {
    if (!this.#lostAt.has(node)) this.#lostAt.set(node, performance.now());
    this.#mendSoon(ms);
  }

  /** A record names nodes: those that were not met are met, without holding up whoever read it. */
  onRecord(record: RoomRecord): void {
    if (this.#host.occupied() && record.hosts.some((host) => this.#isUnmet(host))) this.#mendSoon(0);
  }

  /** Meets every node that the record names; those that do not answer in time are met later. */
  async meetAll(withinMs: number): Promise<void> {
    const hosts = (this.#host.record()?.hosts ?? []).filter((host) => this.#isUnmet(host));
    if (hosts.length === 0) return;
    let timer: NodeJS.Timeout | undefined;
    const enough = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, withinMs);
    });
    await Promise.race([Promise.all(hosts.map((host) => this.#meet(host))), enough]);
    clearTimeout(timer);
    if (hosts.some((host) => this.#isUnmet(host))) this.#mendSoon(MEND_MS);
  }

  /** Nobody is here any more: the other nodes need not speak of the room to this one. */
  leave(): void {
    this.tellAll(() => ({ left: true }));
    for (const peering of this.all()) this.#drop(peering, 'left');
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#mending);
    clearTimeout(this.#fading);
    this.leave();
  }

  /** The whole of what another node may know, as far as a message carries it, and what comes behind it. */
  #introduction(peering: Peering) {
    const { key: room } = this.#host;
    const link = this.#deps.links.address;
    return introductionOf({ room, link, ...peering.introduce(this.#host.places()) });
  }

  #peer(link: Link, address: string): Peering {
    const key = nodeKey(link.peer);
    const known = this.#peerings.get(key);
    if (known !== undefined) {
      known.link = link;
      return known;
    }
    const { id, datacenter } = link.peer;
    const region = this.#deps.policy()?.policy.datacenters.get(datacenter)?.region ?? '';
    const node = { id, datacenter, region, link: address };
    const { room, known: mayKnow } = this.#host;
    const decisions = this.#toldNodes.met(key);
    const refused = (reason: string): void => this.#deps.refused({ id, datacenter, reason });
    const peering = new Peering(node, link, room, this.#deps.node.datacenter, mayKnow, decisions, refused);
    this.#peerings.set(key, peering);
    return peering;
  }

  #drop(peering: Peering, reason: 'left' | 'lost'): void {
    const node = nodeKey(peering.node);
    this.#peerings.delete(node);
    this.#lostAt.delete(node);
    peering.end(reason);
    this.#toldNodes.gone(node, peering.decisions);
  }

  #isUnmet(host: HostRef): boolean {
    const node = nodeKey(nodeOfPart(host));
    if (node === nodeKey(this.#deps.node)) return false;
    const peering = this.#peerings.get(node);
    // One that was not listened to, and would be now, has to be met anew.
    if (peering?.met === true && !(peering.hearing.missed && this.#host.hears(peering.node.datacenter)))
      return false;
    return !this.#leftOvers.has(host);
  }

  #isLeftOver(host: HostRef): void {
    this.#leftOvers.add(host);
    const peering = this.#peerings.get(nodeKey(nodeOfPart(host)));
    if (peering !== undefined) this.#drop(peering, 'left');
  }

  /** Dials a node and exchanges what each may know. Never rejects. */
  async #meet(host: HostRef): Promise<boolean> {
    const { id, datacenter } = nodeOfPart(host);
    return this.#alone({ id, datacenter }, async () => {
      const record = await this.#deps.find(id, datacenter);
      if (record === null || record.epoch !== host.nodeEpoch) {
        this.#isLeftOver(host);
        return false;
      }
      if (record.link === null) return false;
      const link = await this.#deps.links.connect({ id, datacenter, link: record.link });
      if (this.#closed) return false;
      const hosting = await this.#exchange(this.#peer(link, record.link));
      if (!hosting) this.#isLeftOver(host);
      return hosting;
    });
  }

  /** Introduces this node over the peering's link, and takes the answer; false where the node does not host the room. */
  async #exchange(peering: Peering): Promise<boolean> {
    const { link } = peering;
    // What is told from here on is told behind the introduction, in order.
    peering.begin();
    const { meet, rest } = this.#introduction(peering);
    const answering = link.request('room.meet', meet, MEET_REQUEST_MS);
    for (const update of rest) this.tell(peering, update);
    const answer = meetAnswerSchema.parse(await answering);
    const node = nodeKey(link.peer);
    // It may have been dropped, or the room closed, in the meantime.
    if (!answer.hosting || this.#closed || this.#peerings.get(node) !== peering) return answer.hosting;
    this.#look(peering);
    peering.meets(answer);
    this.#lostAt.delete(node);
    this.#tellOutgrown(peering, answer.shared);
    for (const update of this.#meetings.kept(node)) this.#updated(peering, update);
    // From here on a switch of policy finds the node met, and asks again for what was withheld.
    this.#meetings.over(node);
    this.#host.onChange();
    return true;
  }

  /** Runs one meeting with a node, or waits for the one that there is. Never rejects. */
  #alone({ id, datacenter }: NodeRef, meeting: () => Promise<boolean>): Promise<boolean> {
    const node = nodeKey({ id, datacenter });
    return this.#meetings.alone(node, async () => {
      try {
        return await meeting();
      } catch (error) {
        this.#deps.log.warn({ err: error, node: id, datacenter }, 'a node of a room could not be met');
        const peering = this.#peerings.get(node);
        if (peering?.met === false) this.#peerings.delete(node);
        else if (peering !== undefined) this.#lost(node, LOST_MS);
        return false;
      }
    });
  }

  #mendSoon(ms: number): void {
    if (this.#closed || this.#mending !== undefined) return;
    this.#mending = setTimeout(() => {
      this.#mend()
        .catch((error: unknown) =>
          this.#deps.log.error({ err: error }, 'the nodes of a room could not be met'),
        )
        .finally(() => {
          this.#mending = undefined;
          if (this.#lostAt.size > 0) this.#mendSoon(LOST_MS);
          else if ((this.#host.record()?.hosts ?? []).some((host) => this.#isUnmet(host)))
            this.#mendSoon(MEND_MS);
        });
    }, ms);
  }

  /** Looks for nodes that were lost or never met; forgets those that are gone for good. */
  async #mend(): Promise<void> {
    for (const [node, since] of [...this.#lostAt]) {
      const peering = this.#peerings.get(node);
      if (peering === undefined) {
        this.#lostAt.delete(node);
        continue;
      }
      const { id, datacenter } = peering.node;
      const record = await this.#deps.find(id, datacenter).catch(() => undefined);
      const met = record ? await this.#meet({ node: id, datacenter, nodeEpoch: record.epoch }) : false;
      // Its lease has ended, or it was out of reach for too long: its members are gone, as far as this node can see.
      if (!met && (record === null || performance.now() - since > GRACE_MS)) this.#drop(peering, 'lost');
    }
    const record = await this.#host.refresh().catch(() => null);
    const unmet = (record?.hosts ?? []).filter((host) => this.#isUnmet(host));
    await Promise.all(unmet.map((host) => this.#meet(host)));
    this.#host.onChange();
  }
}
