import type { Link } from '../../links/types.ts';
import { isSeat } from '../../policy/admission.ts';
import type { CompiledPolicy } from '../../policy/compile.ts';
import { intersect } from '../../policy/label.ts';
import type { NodeKey } from '../../policy/node-key.ts';
import type { Live } from '../../policy/routing.ts';
import { WatershedError } from '../../protocol/errors.ts';
import type { LeaveReason } from '../../protocol/events.ts';
import type { RoomHost } from '../../registry/port.ts';
import { COMMON, type FederationDeps, refuseRoom } from './deps.ts';
import { type Meet, type MemberState, type PlacesState, roomKey, type Update } from './messages.ts';
import { Neighbours } from './neighbours.ts';
import { PartWriter } from './part-writer.ts';
import {
  askRoom,
  type Elsewhere,
  elsewhere,
  leadsSomewhere,
  mayKnow,
  outside,
  type Part,
  presenceOf,
  regionsOf,
} from './placement.ts';
import { Relocation } from './relocation.ts';
import type { LocalRoom, Place, RoomLink } from './types.ts';

/** How long a join waits for the room's other nodes to answer; they may still come later. */
const MEET_MS = 1500;

type Entrance = Awaited<ReturnType<RoomLink['enter']>>;

/** One room of this node among its other nodes: who may enter, who has to move, and what the others are told. */
export class FederatedRoom {
  readonly key: string;
  readonly room: LocalRoom;
  readonly neighbours: Neighbours;
  readonly #deps: FederationDeps;
  readonly #writer: PartWriter;
  readonly #relocation: Relocation;
  /** What every narrowing seen in the room's life leaves; it only shrinks. */
  #regions: readonly string[] | null = null;
  #turn: Promise<unknown> = Promise.resolve();
  #settling = false;
  #closed = false;

  constructor(room: LocalRoom, deps: FederationDeps) {
    this.room = room;
    this.#deps = deps;
    this.key = roomKey(deps.cloud, room.id);
    this.#relocation = new Relocation(deps, room);
    this.#writer = new PartWriter({
      registry: deps.registry,
      key: this.key,
      node: deps.node,
      read: () => this.#ownPart(),
      onRecord: (record) => this.neighbours.onRecord(record),
    });
    this.neighbours = new Neighbours(deps, {
      key: this.key,
      room,
      known: (label, datacenter) => mayKnow(deps.policy(), label, this.#regions, datacenter),
      hears: (datacenter) => this.#hears(datacenter),
      places: () => this.#placesState(),
      occupied: () => this.#ownPart() !== null,
      record: () => this.#writer.record,
      refresh: () => this.#writer.refresh(),
      onChange: () => this.#settle(),
    });
  }

  /** What a node has said of a member there. */
  memberAt(node: NodeKey, peerId: string): MemberState | undefined {
    return this.neighbours.get(node)?.member(peerId);
  }

  enter(newcomer: Place): Promise<Entrance> {
    // One after the other: each is decided with the one before it as a member.
    const entered = this.#turn.then(() => this.#enter(newcomer));
    this.#turn = entered.catch(() => undefined);
    return entered;
  }

  async #enter(newcomer: Place): Promise<Entrance> {
    let refused: Entrance | null = null;
    const decide = async (parts: readonly Part[], regions: readonly string[] | null): Promise<boolean> => {
      refused = await this.#refusal(newcomer, parts, regions);
      return refused === null;
    };
    try {
      const claimed = await this.#writer.claim(async (record) => {
        await this.neighbours.findLeftOvers(record);
        return decide(this.neighbours.parts(record), record.regions);
      });
      if (!claimed) return refused ?? { kind: 'admit' };
      this.#tellPlaces();
      await this.neighbours.meetAll(MEET_MS);
    } catch (error) {
      if (!isUnavailable(error) || !this.#goesOnAlone(newcomer)) throw error;
      // A room that this node holds goes on without the registry, by what its nodes know of each other.
      if (!(await decide(this.neighbours.parts(null), null))) return refused ?? { kind: 'admit' };
      this.#tellPlaces();
      this.#writer.state();
    }
    this.#deps.decided(newcomer, this.room.id, 'admit', 'admitted', COMMON);
    return { kind: 'admit' };
  }

  /** Why a newcomer may not enter here, with what is known of the others; null when it may. */
  async #refusal(
    newcomer: Place,
    others: readonly Part[],
    regions: readonly string[] | null,
  ): Promise<Entrance | null> {
    const { policy, node, decided, redirect } = this.#deps;
    const p = policy();
    if (p === null) throw new WatershedError('policy_missing');
    const parts = [...others, this.#own(newcomer.peerId)];
    const up = await this.#deps.liveness(seatsOf(p, parts, newcomer)).catch((error: unknown) => {
      // Without the registry only what is known to be up counts: this node, and those it speaks with.
      if (!this.#goesOnAlone(newcomer)) throw error;
      return this.neighbours.upByLinks();
    });
    const live = (d: string): boolean => d === node.datacenter || up.isLive(d);
    const verdict = askRoom(p, parts, newcomer, intersect(this.#regions, regions), live);
    if (verdict.kind === 'refuse') return refuseRoom(this.#deps, p, newcomer, this.room.id, verdict);
    if (verdict.common.includes(node.datacenter) && isSeat(p, newcomer.label.home, node.datacenter))
      return null;
    const told = await redirect(newcomer, this.room.id, verdict.list, up);
    decided(newcomer, this.room.id, 'redirect', told.code, COMMON, told);
    return { kind: 'redirect', redirect: told };
  }

  placesChanged(): void {
    this.#writer.state();
    if (this.#ownPart() === null) {
      this.neighbours.leave();
    } else {
      this.#tellPlaces();
    }
    this.#settle();
  }

  /** Also where nobody may know of a newcomer: those who sit there may have to go. */
  #tellPlaces(): void {
    const places = this.#placesState();
    this.neighbours.tellAll(() => ({ places }));
  }

  /** Someone began or ceased to wait for a host. */
  waitingChanged(): void {
    this.placesChanged();
    this.neighbours.tellAll((peering) => peering.waitingUpdate());
  }

  memberChanged(peerId: string, reason: LeaveReason = 'left'): void {
    this.neighbours.tellAll((peering) => peering.changes([peerId], reason));
    this.#settle();
  }

  onMeet(link: Link, meet: Meet): Meet {
    return this.neighbours.onMeet(link, meet);
  }

  onUpdate(link: Link, update: Update): void {
    this.neighbours.onUpdate(link, update);
  }

  /** After a switch of policy: what it forbids is taken back first, then what it allows is told, and asked for. */
  rejudge(): void {
    this.#rejudgeKnown();
    this.neighbours.tellAll((peering) => peering.peopleUpdate());
    this.neighbours.askAgain();
    this.#settle();
  }

  async handOver(): Promise<ReadonlySet<string>> {
    const told = new Set<string>();
    const find = (live: Live): Elsewhere[] => {
      const p = this.#deps.policy();
      return p === null ? [] : elsewhere(p, this.neighbours.metParts(), this.#seated(), this.#regions, live);
    };
    const [first] = find(() => true);
    if (first === undefined) return told;
    const liveness = await this.#deps.liveness([...first.common]);
    await Promise.all(
      find(liveness.isLive).map(async ({ place, list }) => {
        if (!leadsSomewhere(list)) return;
        try {
          const redirect = await this.#deps.redirect(place, this.room.id, list, liveness, 'draining');
          this.#deps.decided(place, this.room.id, 'redirect', redirect.code, redirect.rule, redirect);
          this.room.relocate(place.peerId, redirect);
          told.add(place.peerId);
        } catch (error) {
          // Who cannot be told where to go hears that it is over here; the others are led all the same.
          this.#deps.log.warn({ err: error }, 'a member could not be told where to go');
        }
      }),
    );
    return told;
  }

  restate(): void {
    this.#writer.state(true);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#relocation.close();
    this.neighbours.close();
    this.#writer.close();
  }

  /** What others, and this node of others, may not know any more is taken back. */
  #rejudgeKnown(): void {
    for (const peering of this.neighbours.all()) peering.rejudge();
    this.neighbours.tellAll((peering) => ({
      ...peering.changes(peering.everyone(), 'policy'),
      ...peering.waitingUpdate(),
    }));
  }

  /**
   * Whether a node of that datacenter has a say in the room, by this node's own policy: everyone who sits here could
   * sit there, or the room cannot be there; where nobody sits, someone who waits.
   */
  #hears(datacenter: string): boolean {
    const may = ({ label }: Pick<Place, 'label'>): boolean =>
      mayKnow(this.#deps.policy(), label, this.#regions, datacenter);
    const places = this.room.places();
    return places.length > 0 ? places.every(may) : this.room.waiting().some(may);
  }

  #ownPart(): { host: RoomHost; regions: readonly string[] | null } | null {
    const places = this.room.places();
    if (this.#closed || (places.length === 0 && this.room.waiting().length === 0)) return null;
    const { id, epoch, datacenter } = this.#deps.node;
    const host: RoomHost = {
      node: id,
      nodeEpoch: epoch,
      datacenter,
      ...presenceOf(places.map(({ label }) => label)),
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

  #seated(): Place[] {
    const seated = new Set(this.room.members().map(({ peerId }) => peerId));
    return this.room.places().filter(({ peerId }) => seated.has(peerId));
  }

  /** Whether others are in the room here already, so that it can go on without the registry. */
  #goesOnAlone(newcomer: Place): boolean {
    return this.room.members().some(({ peerId }) => peerId !== newcomer.peerId);
  }

  #placesState(): PlacesState {
    const own = this.#own();
    const { homes, evidence } = presenceOf(own.labels);
    const regions = regionsOf([own]);
    return {
      homes: homes.map(({ home }) => home),
      evidence,
      moves: own.moves,
      regions: regions === null ? null : [...regions],
    };
  }

  /** Brings the room's narrowing up to date, and moves members who sit where the room cannot be any more. */
  #settle(): void {
    if (this.#settling || this.#closed) return;
    this.#settling = true;
    queueMicrotask(() => {
      this.#settling = false;
      if (this.#closed) return;
      try {
        this.#settleNow();
      } catch (error) {
        // Nobody is there to hear of it, and other rooms are to go on. The next change asks again.
        this.#deps.log.error({ err: error }, 'a room could not be settled');
      }
    });
  }

  #settleNow(): void {
    this.neighbours.listen();
    const parts = this.neighbours.metParts();
    const regions = regionsOf([...parts, this.#own()], this.#regions);
    if (JSON.stringify(regions) !== JSON.stringify(this.#regions)) {
      this.#regions = regions;
      this.room.narrow(regions);
      this.#rejudgeKnown();
      this.#tellPlaces();
      this.#writer.state();
    }
    const places = this.#seated();
    const fenced = this.neighbours.fencedParts();
    const find = (p: CompiledPolicy, live: Live, others: readonly Part[]): Elsewhere[] =>
      outside(p, this.#deps.node.datacenter, others, places, this.#regions, live);
    this.#relocation.look((p, live) => {
      // A double room meets where everybody may be. Nobody leaves for nowhere on the word of who has no say.
      const together = fenced.length === 0 ? [] : find(p, live, [...parts, ...fenced]);
      const isGood = together.length > 0 && together.every(({ list }) => leadsSomewhere(list));
      return isGood ? together : find(p, live, parts);
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
