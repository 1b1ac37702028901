import type { Link } from '../../links/types.ts';
import { isSeat } from '../../policy/admission.ts';
import { intersect } from '../../policy/label.ts';
import { WatershedError } from '../../protocol/errors.ts';
import type { LeaveReason } from '../../protocol/events.ts';
import type { RoomHost, RoomRecord } from '../../registry/port.ts';
import { COMMON, type FederationDeps, refuseRoom, type WhoIsUp } from './deps.ts';
import {
  type Meet,
  type MemberState,
  meetAnswerSchema,
  type PlacesState,
  roomKey,
  type Update,
} from './messages.ts';
import { PartWriter } from './part-writer.ts';
import { Peering } from './peering.ts';
import { askRoom, countLabels, mayKnow, outside, type Part, partOf, regionsOf } from './placement.ts';
import { Relocation } from './relocation.ts';
import type { LocalRoom, Place, RoomLink } from './types.ts';

/** How long a join waits for the room's other nodes to answer; they may still come later. */
const MEET_MS = 1500;
const MEET_REQUEST_MS = 2000;
/** How often nodes that the record names and that were not met are looked for. */
const MEND_MS = 3000;
/** How long a node may be out of reach before its members count as gone. */
const GRACE_MS = 15_000;
/** How long a part that its node disowned, or whose node is gone, counts for nothing. */
const LEFT_OVER_MS = 5000;

/** One room of this node among its other nodes. */
export class FederatedRoom implements Pick<RoomLink, 'enter' | 'placesChanged' | 'memberChanged'> {
  readonly key: string;
  readonly room: LocalRoom;
  readonly #deps: FederationDeps;
  readonly #writer: PartWriter;
  readonly #peerings = new Map<string, Peering>();
  /** Updates of nodes that are being met, until their answer is here. */
  readonly #early = new Map<string, Update[]>();
  readonly #lostAt = new Map<string, number>();
  /** Parts in the record that are left over, `node epoch`, and until when (monotonic ms) that is believed. */
  readonly #leftOver = new Map<string, number>();
  readonly #relocation: Relocation;
  /** What every narrowing seen in the room's life leaves; it only shrinks. */
  #regions: readonly string[] | null = null;
  #mending: NodeJS.Timeout | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #settling = false;
  #closed = false;

  constructor(room: LocalRoom, deps: FederationDeps) {
    this.room = room;
    this.#deps = deps;
    this.key = roomKey(deps.cloud, room.id);
    this.#writer = new PartWriter({
      registry: deps.registry,
      key: this.key,
      node: deps.node.id,
      read: () => this.#ownPart(),
      onRecord: (record) => this.#noticed(record),
    });
    this.#relocation = new Relocation(deps, room);
  }

  /** What a node has said of a member there. */
  memberAt(node: string, peerId: string): MemberState | undefined {
    return this.#peerings.get(node)?.member(peerId);
  }

  get peerings(): readonly Peering[] {
    return [...this.#peerings.values()];
  }

  enter(newcomer: Place): ReturnType<RoomLink['enter']> {
    // One after the other: each is decided with the one before it as a member.
    const entered = this.#turn.then(() => this.#enter(newcomer));
    this.#turn = entered.catch(() => undefined);
    return entered;
  }

  async #enter(newcomer: Place): ReturnType<RoomLink['enter']> {
    const { policy, node } = this.#deps;
    const p = policy();
    if (p === null) throw new WatershedError('policy_missing');
    let outcome: Awaited<ReturnType<RoomLink['enter']>> = { kind: 'admit' };
    const decide = async (parts: readonly Part[], regions: readonly string[] | null): Promise<boolean> => {
      const all = [...parts, this.#own(newcomer.peerId)];
      const liveness = await this.#deps.liveness(seatsOf(p, all, newcomer)).catch((error: unknown) => {
        // Without the registry only what is known to be up counts: this node, and those it speaks with.
        if (!this.#standsAlone(newcomer)) throw error;
        return this.#livenessOfLinks();
      });
      const live = (d: string): boolean => d === node.datacenter || liveness.isLive(d);
      const verdict = askRoom(p, all, newcomer, intersect(this.#regions, regions), live);
      if (verdict.kind === 'refuse') {
        outcome = refuseRoom(this.#deps, p, newcomer, this.room.id, verdict);
        return false;
      }
      if (!verdict.common.includes(node.datacenter) || !isSeat(p, newcomer.label.home, node.datacenter)) {
        const redirect = await this.#deps.redirect(newcomer, this.room.id, verdict.list, liveness);
        this.#deps.decided(newcomer, this.room.id, 'redirect', redirect.code, COMMON, redirect);
        outcome = { kind: 'redirect', redirect };
        return false;
      }
      return true;
    };
    try {
      const claimed = await this.#writer.claim(async (record) => {
        await this.#findLeftOvers(record);
        return decide(this.#others(record), record.regions);
      });
      if (!claimed) return outcome;
      await this.#meetAll(MEET_MS);
    } catch (error) {
      if (!isUnavailable(error) || !this.#standsAlone(newcomer)) throw error;
      // A room that this node holds goes on without the registry, by what its nodes know of each other.
      if (!(await decide(this.#others(null), null))) return outcome;
      this.#writer.state();
    }
    this.#deps.decided(newcomer, this.room.id, 'admit', 'admitted', COMMON);
    return { kind: 'admit' };
  }

  placesChanged(): void {
    this.#writer.state();
    if (this.#ownPart() === null) this.#leave();
    else this.#tellPlaces();
    this.#settle();
  }

  /** Someone began or ceased to wait for a host. */
  waitingChanged(): void {
    this.placesChanged();
    this.tellAll((peering) => peering.waitingUpdate());
  }

  memberChanged(peerId: string, reason: LeaveReason = 'left'): void {
    for (const peering of this.#peerings.values()) this.#tell(peering, peering.changes([peerId], reason));
    this.#settle();
  }

  /** Says something to each node that `what` makes an update for. */
  tellAll(what: (peering: Peering) => Omit<Update, 'room'> | null): void {
    for (const peering of this.#peerings.values()) {
      const update = what(peering);
      if (update !== null) this.#tell(peering, update);
    }
  }

  /** Another node meets this one. */
  onMeet(link: Link, meet: Meet): Meet {
    const peering = this.#peer(link, meet.link);
    peering.meets(meet);
    this.#lostAt.delete(peering.node.id);
    this.#settle();
    return this.#introduction(peering);
  }

  onUpdate(link: Link, update: Update): void {
    const peering = this.#peerings.get(link.peer.id);
    const early = this.#early.get(link.peer.id);
    if (early !== undefined && update.left !== true) early.push(update);
    if (early !== undefined || peering === undefined) return;
    if (update.left === true) this.#drop(peering, 'left');
    else peering.updated(update);
    this.#settle();
  }

  /** A link is gone: its node has a while to come back over another. */
  onLinkDown(link: Link): void {
    const peering = this.#peerings.get(link.peer.id);
    if (peering?.link !== link) return;
    if (!this.#lostAt.has(peering.node.id)) this.#lostAt.set(peering.node.id, performance.now());
    this.#mendSoon(50);
  }

  /** After a switch of policy. */
  rejudge(): void {
    for (const peering of this.#peerings.values()) {
      peering.rejudge();
      this.#tell(peering, peering.changes(peering.everyone(), 'policy'));
    }
    this.#settle();
  }

  restate(): void {
    this.#writer.state(true);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#mending);
    this.#relocation.close();
    this.#leave();
    this.#writer.close();
  }

  /** Nobody is here any more: the other nodes need not speak of the room to this one. */
  #leave(): void {
    this.tellAll(() => ({ left: true }));
    for (const peering of [...this.#peerings.values()]) this.#drop(peering, 'left');
  }

  #ownPart(): { host: RoomHost; regions: readonly string[] | null } | null {
    const places = this.room.places();
    if (this.#closed || (places.length === 0 && this.room.waiting().length === 0)) return null;
    const { id, epoch, datacenter } = this.#deps.node;
    const host: RoomHost = {
      node: id,
      nodeEpoch: epoch,
      datacenter,
      members: countLabels(places),
      moves: places.every(({ moves }) => moves),
    };
    return { host, regions: regionsOf([this.#own()], this.#regions) };
  }

  /** This node's own places, without one who is being decided on. */
  #own(except?: string): Part {
    const places = this.room.places().filter(({ peerId }) => peerId !== except);
    return {
      datacenter: this.#deps.node.datacenter,
      labels: places.map(({ label }) => label),
      moves: places.every(({ moves }) => moves),
      regions: this.#regions,
    };
  }

  /** Every other node's part: as it said itself where it was met, else as the record says. */
  #others(record: RoomRecord | null): Part[] {
    const hosts = (record?.hosts ?? []).filter((host) => this.#isUnmet(host));
    return [...this.#metParts(), ...hosts.map(partOf)];
  }

  /** Parts of nodes that died count for nothing, as soon as their lease has ended. */
  async #findLeftOvers(record: RoomRecord): Promise<void> {
    const unmet = record.hosts.filter((host) => this.#isUnmet(host));
    await Promise.all(
      unmet.map(async (host) => {
        const node = await this.#deps.find(host.node, host.datacenter);
        if (node?.epoch !== host.nodeEpoch) this.#isLeftOver(host);
      }),
    );
  }

  #metParts(): Part[] {
    return [...this.#peerings.values()].filter(({ met }) => met).map(({ part }) => part);
  }

  /** Whether others are in the room here already, so that it can go on without the registry. */
  #standsAlone(newcomer: Place): boolean {
    return this.room.members().some(({ peerId }) => peerId !== newcomer.peerId);
  }

  #livenessOfLinks(): WhoIsUp {
    const up = new Set(
      [...this.#peerings.values()].filter(({ link }) => link.open).map((peering) => peering.node.datacenter),
    );
    return { isLive: (d) => up.has(d), urlFor: (d) => this.#deps.policy()?.policy.datacenters.get(d)?.url };
  }

  #placesState(): PlacesState {
    const { labels, moves } = this.#own();
    // Counts do not matter to the others, and a large room would not fit into one message.
    const distinct = countLabels(labels.map((label) => ({ label })));
    return {
      labels: distinct.map(({ home, evidence, regions }) => ({
        home,
        evidence: [...evidence],
        regions: regions === null ? null : [...regions],
      })),
      moves,
      regions: this.#regions === null ? null : [...this.#regions],
    };
  }

  #tellPlaces(): void {
    const places = this.#placesState();
    this.tellAll(() => ({ places }));
  }

  #tell(peering: Peering, update: Omit<Update, 'room'>): void {
    if (Object.keys(update).length > 0) peering.link.notice('room.update', { room: this.key, ...update });
  }

  #introduction(peering: Peering): Meet {
    const { address } = this.#deps.links;
    return { room: this.key, link: address, ...peering.introduce(this.#placesState()) };
  }

  #peer(link: Link, address: string): Peering {
    const { id, datacenter } = link.peer;
    const known = this.#peerings.get(id);
    if (known !== undefined) {
      known.link = link;
      return known;
    }
    const region = this.#deps.policy()?.policy.datacenters.get(datacenter)?.region ?? '';
    const node = { id, datacenter, region, link: address };
    const peering = new Peering(node, link, this.room, this.#deps.node.datacenter, (label, d) =>
      mayKnow(this.#deps.policy(), label, this.#regions, d),
    );
    this.#peerings.set(id, peering);
    return peering;
  }

  #drop(peering: Peering, reason: 'left' | 'lost'): void {
    this.#peerings.delete(peering.node.id);
    this.#lostAt.delete(peering.node.id);
    peering.end(reason);
  }

  /** A record names nodes: those that were not met are met, without holding up whoever read it. */
  #noticed(record: RoomRecord): void {
    if (this.#ownPart() === null) return;
    if (record.hosts.some((host) => this.#isUnmet(host))) this.#mendSoon(0);
  }

  #isUnmet({ node, nodeEpoch }: Pick<RoomHost, 'node' | 'nodeEpoch'>): boolean {
    if (node === this.#deps.node.id || this.#peerings.get(node)?.met === true) return false;
    const leftOverUntil = this.#leftOver.get(`${node} ${nodeEpoch}`);
    return leftOverUntil === undefined || leftOverUntil < performance.now();
  }

  #isLeftOver({ node, nodeEpoch }: Pick<RoomHost, 'node' | 'nodeEpoch'>): void {
    this.#leftOver.set(`${node} ${nodeEpoch}`, performance.now() + LEFT_OVER_MS);
    const peering = this.#peerings.get(node);
    if (peering !== undefined) this.#drop(peering, 'left');
  }

  async #meetAll(withinMs: number): Promise<void> {
    const hosts = (this.#writer.record?.hosts ?? []).filter((host) => this.#isUnmet(host));
    if (hosts.length === 0) return;
    let timer: NodeJS.Timeout | undefined;
    const enough = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, withinMs);
    });
    await Promise.race([Promise.all(hosts.map((host) => this.#meet(host))), enough]);
    clearTimeout(timer);
    if (hosts.some((host) => this.#isUnmet(host))) this.#mendSoon(MEND_MS);
  }

  /** Dials a node and exchanges what each may know. Never rejects. */
  async #meet(host: Pick<RoomHost, 'node' | 'datacenter' | 'nodeEpoch'>): Promise<boolean> {
    const { node, datacenter, nodeEpoch } = host;
    if (this.#early.has(node)) return false;
    this.#early.set(node, []);
    try {
      const record = await this.#deps.find(node, datacenter);
      if (record === null || record.epoch !== nodeEpoch) {
        this.#isLeftOver(host);
        return false;
      }
      if (record.link === null) return false;
      const link = await this.#deps.links.connect({ id: node, datacenter, link: record.link });
      if (this.#closed) return false;
      // What is told from here on is told behind the introduction, in order.
      const peering = this.#peer(link, record.link);
      const answer = meetAnswerSchema.parse(
        await link.request('room.meet', this.#introduction(peering), MEET_REQUEST_MS),
      );
      if (!answer.hosting) {
        this.#isLeftOver(host);
        return false;
      }
      if (this.#closed) return false;
      peering.meets(answer);
      this.#lostAt.delete(node);
      for (const update of this.#early.get(node) ?? []) peering.updated(update);
      this.#settle();
      return true;
    } catch (error) {
      this.#deps.log.warn({ err: error, node, datacenter }, 'a node of a room could not be met');
      const peering = this.#peerings.get(node);
      if (peering?.met === false) this.#peerings.delete(node);
      else if (peering !== undefined && !this.#lostAt.has(node)) this.#lostAt.set(node, performance.now());
      return false;
    } finally {
      this.#early.delete(node);
    }
  }

  #mendSoon(ms: number): void {
    if (this.#closed || this.#mending !== undefined) return;
    this.#mending = setTimeout(() => {
      void this.#mend().finally(() => {
        this.#mending = undefined;
        if (this.#lostAt.size > 0) this.#mendSoon(500);
        else if ((this.#writer.record?.hosts ?? []).some((host) => this.#isUnmet(host)))
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
      const { datacenter } = peering.node;
      const record = await this.#deps.find(node, datacenter).catch(() => undefined);
      const met = record ? await this.#meet({ node, datacenter, nodeEpoch: record.epoch }) : false;
      // Its lease has ended, or it was out of reach for too long: its members are gone, as far as this node can see.
      if (!met && (record === null || performance.now() - since > GRACE_MS)) this.#drop(peering, 'lost');
    }
    const record = await this.#writer.refresh().catch(() => null);
    await Promise.all(
      (record?.hosts ?? []).filter((host) => this.#isUnmet(host)).map((host) => this.#meet(host)),
    );
    this.#settle();
  }

  /** Brings the room's narrowing up to date, and moves members who sit where the room cannot be any more. */
  #settle(): void {
    if (this.#settling || this.#closed) return;
    this.#settling = true;
    queueMicrotask(() => {
      this.#settling = false;
      if (this.#closed) return;
      const parts = this.#metParts();
      const regions = regionsOf([...parts, this.#own()], this.#regions);
      if (JSON.stringify(regions) !== JSON.stringify(this.#regions)) {
        this.#regions = regions;
        this.room.narrow(regions);
        for (const peering of this.#peerings.values()) {
          peering.rejudge();
          this.#tell(peering, {
            ...peering.changes(peering.everyone(), 'policy'),
            places: this.#placesState(),
          });
        }
        this.#writer.state();
      }
      const seated = new Set(this.room.members().map(({ peerId }) => peerId));
      this.#relocation.look((p, live) =>
        outside(
          p,
          this.#deps.node.datacenter,
          parts,
          this.room.places().filter(({ peerId }) => seated.has(peerId)),
          this.#regions,
          live,
        ),
      );
    });
  }
}

function isUnavailable(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'registry_unavailable';
}

/** Every datacenter that somebody of the room could sit at: whose nodes there is a need to know of. */
function seatsOf(
  p: NonNullable<ReturnType<FederationDeps['policy']>>,
  parts: readonly Part[],
  newcomer: Place,
): string[] {
  const homes = new Set([
    newcomer.label.home,
    ...parts.flatMap(({ labels }) => labels.map(({ home }) => home)),
  ]);
  return [
    ...new Set(
      [...homes].flatMap((home) => {
        const route = p.policy.routes.get(home);
        return route === undefined ? [] : [...route.primaries, ...route.secondaries];
      }),
    ),
  ];
}
