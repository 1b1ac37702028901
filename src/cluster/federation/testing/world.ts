import { allowedForLabel } from '../../../policy/allowed.ts';
import type { CompiledPolicy } from '../../../policy/compile.ts';
import { intersect, narrow } from '../../../policy/label.ts';
import type { Label } from '../../../policy/model.ts';
import { type NodeKey, nodeKey } from '../../../policy/node-key.ts';
import { routeWithin, type SeatList } from '../../../policy/routing.ts';
import { ERRORS, WatershedError } from '../../../protocol/errors.ts';
import type { LeaveReason, Redirect } from '../../../protocol/events.ts';
import { nodeOfPart, type Registry, type RoomChange, type RoomRecord } from '../../../registry/port.ts';
import { Identities } from '../../../rooms/identities.ts';
import { zoom2020 } from '../../testing/door.ts';
import type { FederationDeps } from '../deps.ts';
import { createFederation } from '../federation.ts';
import type { MemberState, RoomAct, RulesState, SharedState, WaitingState } from '../messages.ts';
import type { Decision, Federation, LocalRoom, Place, RemoteNode, RoomLink, Withheld } from '../types.ts';
import { type FakeLinks, FakeNetwork } from './fake-links.ts';
import { People } from './people.ts';

/** A registry of rooms alone, which can go away, and forget. */
class FakeRooms {
  down = false;
  readonly records = new Map<string, RoomRecord>();
  writes = 0;

  port(): Registry {
    const at = (key: string): RoomRecord => this.records.get(key) ?? { epoch: 0, hosts: [], regions: null };
    const change = (key: string, change: Omit<RoomChange, 'seenEpoch'>, epoch: number): RoomRecord => {
      const { node, host } = change;
      this.writes += 1;
      const hosts = at(key).hosts.filter((other) => nodeKey(nodeOfPart(other)) !== nodeKey(node));
      const regions = intersect(at(key).regions, change.regions);
      const record = { epoch, hosts: host === null ? hosts : [...hosts, host], regions };
      if (record.hosts.length === 0) this.records.delete(key);
      else this.records.set(key, record);
      return record;
    };
    const up = async (): Promise<void> => {
      await Promise.resolve();
      if (this.down) throw new WatershedError('registry_unavailable');
    };
    const nothing = async (): Promise<never> => {
      throw new WatershedError('registry_unavailable');
    };
    return {
      room: async (key) => {
        await up();
        return at(key);
      },
      claimRoom: async (key, { host, regions, epoch }) => {
        await up();
        if (at(key).epoch !== epoch) return { claimed: false, record: at(key) };
        return { claimed: true, record: change(key, { node: nodeOfPart(host), host, regions }, epoch + 1) };
      },
      restateRoom: async (key, { seenEpoch, ...part }) => {
        await up();
        return change(key, part, Math.max(at(key).epoch, seenEpoch) + 1);
      },
      announce: nothing,
      call: nothing,
      withdraw: nothing,
      nodes: nothing,
      find: nothing,
      bundle: nothing,
      putBundle: nothing,
      onForgot: () => {},
      close: async () => {},
    };
  }
}

/** One room at one node of the world. */
class FakeRoom implements LocalRoom {
  readonly id = 'standup';
  /** Told of the label of all that comes from another node, as it comes. */
  readonly #onReceived: (what: string, label: Label) => void;
  readonly seated = new Map<string, Place & { name: string; host: boolean }>();
  readonly entering = new Map<string, Place>();
  readonly known = new Map<string, { node: RemoteNode; member: MemberState }>();
  readonly chats: string[] = [];
  readonly gone: [string, LeaveReason][] = [];
  readonly acts: RoomAct[] = [];
  readonly moved = new Map<string, Redirect | null>();
  waitingHere: WaitingState[] = [];
  readonly waitingThere = new Map<NodeKey, readonly WaitingState[]>();
  readonly identities = new Identities();
  rules: RulesState = { version: 0, locked: false, ended: false, remainingSeconds: null };
  regions: readonly string[] | null = null;

  constructor(onReceived: (what: string, label: Label) => void) {
    this.#onReceived = onReceived;
  }

  places(): Place[] {
    return [...this.seated.values(), ...this.entering.values()];
  }

  members(): MemberState[] {
    return [...this.seated.keys()].flatMap((peerId) => this.member(peerId) ?? []);
  }

  member(peerId: string): MemberState | undefined {
    const place = this.seated.get(peerId);
    if (place === undefined) return undefined;
    const { name, host, label } = place;
    const { home, evidence, regions } = label;
    return {
      peerId,
      displayName: name,
      role: host ? 'host' : 'participant',
      label: { home, evidence: [...evidence], regions: regions === null ? null : [...regions] },
      producers: [],
    };
  }

  waiting(): WaitingState[] {
    return this.waitingHere;
  }

  shared(): RulesState {
    return this.rules;
  }

  decisions(): ReadonlyMap<string, Decision> {
    return this.identities.decisions;
  }

  onDecided(listener: (hash: string) => void): void {
    this.identities.onDecided = listener;
  }

  /** A host here removes these people, or lets them in: they are told by their hashes, whatever these are. */
  decide(decided: 'keptOut' | 'letIn', label: Label, hashes: readonly string[]): void {
    const { home, evidence, regions } = label;
    const group = {
      label: { home, evidence: [...evidence], regions: regions && [...regions] },
      hashes: [...hashes],
    };
    this.identities.merge({ keptOut: [], letIn: [], outgrown: [], [decided]: [group] }, []);
    this.rules = { ...this.rules, version: this.rules.version + 1 };
  }

  narrow(regions: readonly string[] | null): void {
    this.regions = regions;
  }

  remoteMember(node: RemoteNode, member: MemberState): void {
    const { peerId, label } = member;
    this.#onReceived(peerId, label);
    if (!this.known.has(peerId) || this.knows(node, peerId)) this.known.set(peerId, { node, member });
  }

  remoteGone(node: RemoteNode, peerId: string, reason: LeaveReason): void {
    if (!this.knows(node, peerId)) return;
    this.known.delete(peerId);
    this.gone.push([peerId, reason]);
  }

  /** Whether a peer is known, and is that node's. */
  private knows(node: RemoteNode, peerId: string): boolean {
    const known = this.known.get(peerId);
    return known !== undefined && nodeKey(known.node) === nodeKey(node);
  }

  remoteWaiting(node: RemoteNode, waiting: readonly WaitingState[]): void {
    for (const { peerId, label } of waiting) this.#onReceived(`${peerId} who waits`, label);
    this.waitingThere.set(nodeKey(node), waiting);
  }

  remoteChat(node: RemoteNode, peerId: string, { text }: { text: string }): void {
    const author = this.known.get(peerId)?.member;
    if (author === undefined || !this.knows(node, peerId)) return;
    this.#onReceived(text, author.label);
    this.chats.push(`${peerId}: ${text}`);
  }

  /** The later lock counts. */
  share({ keptOut, letIn, outgrown, ...rules }: SharedState, withheld: Withheld): void {
    for (const { label, hashes } of [...keptOut, ...letIn]) this.#onReceived(hashes.join(), label);
    if (rules.version > this.rules.version) this.rules = rules;
    this.identities.merge({ keptOut, letIn, outgrown }, withheld);
  }

  async act(act: RoomAct): Promise<void> {
    this.acts.push(act);
  }

  relocate(peerId: string, redirect: Redirect | null): void {
    this.moved.set(peerId, redirect);
  }
}

/** A node of the world: no sockets, no media, and one room. */
export interface FakeNode {
  readonly id: string;
  readonly datacenter: string;
  readonly links: FakeLinks;
  readonly federation: Federation;
  readonly room: FakeRoom;
  readonly link: RoomLink;
  alive: boolean;
  policy: CompiledPolicy;
}

export interface EnterOptions {
  readonly label?: Partial<Label>;
  readonly host?: boolean;
  readonly moves?: boolean;
}

/** Several nodes of a cloud, with the real decision code and everything around it made up. */
export class World {
  readonly network = new FakeNetwork();
  readonly registry = new FakeRooms();
  readonly people = new People();
  readonly nodes = new Map<string, FakeNode>();
  readonly policy = zoom2020();
  /** What every node decided by the room's rule. */
  readonly decisions: string[] = [];
  /** Whose word was not believed, and where. */
  readonly refused: string[] = [];
  /** Datacenters that are down although no node of the world is there. */
  readonly down = new Set<string>();
  /** What happens at a node while it waits for who is up, or for a redirect to be signed. */
  meanwhile: (datacenter: string, step: 'liveness' | 'redirect', peerId?: string) => void = () => {};

  /** One node in each datacenter: `node-DATACENTER`, or by the id given. */
  constructor(datacenters: readonly string[], ids: Readonly<Record<string, string>> = {}) {
    this.network.onSaid = (from, to, data) => this.people.said(from, to, data, this.at(from.datacenter));
    for (const datacenter of datacenters) this.start(datacenter, ids[datacenter] ?? `node-${datacenter}`);
  }

  private start(datacenter: string, id: string): void {
    const epoch = 1;
    const links = this.network.join({ id, datacenter });
    const room = new FakeRoom((what, label) => {
      if (!knowable(node, label)) this.people.leaks.push(`${what} taken at ${datacenter}`);
    });
    const deps: FederationDeps = {
      cloud: 'commercial',
      node: { id, datacenter, epoch },
      policy: () => node.policy,
      registry: this.registry.port(),
      links,
      pipes: {
        sourceFor: (_room, { id: far }) => ({
          node: far,
          open: async () => Promise.reject(new Error('no media here')),
          release: () => {},
          wanted: () => {},
        }),
        attach: () => () => {},
        rejudge: () => {},
        stats: () => ({ out: 0, in: 0 }),
        close: () => {},
      },
      liveness: async () => {
        this.meanwhile(datacenter, 'liveness');
        if (this.registry.down) throw new WatershedError('registry_unavailable');
        return { isLive: (d) => this.isUp(d), urlsFor: (d) => [`wss://${d}.example.net`] };
      },
      find: async (wanted, where) => {
        if (this.registry.down) throw new WatershedError('registry_unavailable');
        const found = this.nodes.get(where);
        if (found?.id !== wanted || !found.alive) return null;
        return {
          id: found.id,
          datacenter: found.datacenter,
          url: `wss://${found.datacenter}.example.net`,
          link: found.links.address,
          epoch,
          sequence: 1,
          calls: [],
          state: 'ready',
          load: 0,
          accepting: true,
          policy: '',
          version: '',
        };
      },
      redirect: async ({ peerId }, _room, list) => {
        this.meanwhile(datacenter, 'redirect', peerId);
        // As `listFor` does: it takes a list that the policy of the moment forbids for a defect.
        for (const listed of [...list.primaries, ...list.secondaries])
          if (node.policy.policy.closed.includes(listed)) throw new Error(`${listed} is closed`);
        return this.redirect(list);
      },
      decided: ({ peerId }, _room, kind, code) =>
        this.decisions.push(`${datacenter} ${peerId} ${kind} ${code}`),
      refused: (far) => this.refused.push(`${far.datacenter} at ${datacenter}: ${far.reason}`),
      log: { info: () => {}, warn: () => {}, error: () => {} },
    };
    const federation = createFederation(deps);
    const node: FakeNode = {
      id,
      datacenter,
      links,
      federation,
      room,
      link: federation.open(room),
      alive: true,
      policy: this.policy,
    };
    this.nodes.set(datacenter, node);
  }

  isUp(datacenter: string): boolean {
    const node = this.nodes.get(datacenter);
    return !this.down.has(datacenter) && (node === undefined || node.alive);
  }

  at(datacenter: string): FakeNode {
    const node = this.nodes.get(datacenter);
    if (node === undefined) throw new Error(`no node at ${datacenter}`);
    return node;
  }

  /** A peer of a region enters the room at a datacenter. Resolves with what it is told, in short. */
  async enter(
    peerId: string,
    region: string,
    datacenter: string,
    { label = {}, host = false, moves = true }: EnterOptions = {},
  ): Promise<string> {
    const { room, link } = this.at(datacenter);
    const place: Place = {
      peerId,
      label: { home: region, evidence: [region], regions: null, ...label },
      jti: `jti-of-${peerId}`,
      moves,
    };
    this.people.put(peerId, place.label, datacenter);
    room.entering.set(peerId, place);
    try {
      const entered = await link.enter(place);
      if (entered.kind === 'admit') {
        room.seated.set(peerId, { ...place, name: `name of ${peerId}`, host });
        room.entering.delete(peerId);
        link.memberChanged(peerId);
        return 'admit';
      }
      room.entering.delete(peerId);
      link.placesChanged();
      if (entered.kind === 'refuse') return `refuse ${entered.refusal.code}`;
      const { primaries, secondaries } = entered.redirect.list;
      return `redirect ${[...primaries, ...secondaries].map((entry) => entry.datacenter).join(',')}`;
    } catch (error) {
      room.entering.delete(peerId);
      link.placesChanged();
      return `error ${error instanceof WatershedError ? error.code : String(error)}`;
    }
  }

  leave(peerId: string, datacenter: string): void {
    const { room, link } = this.at(datacenter);
    room.seated.delete(peerId);
    link.memberChanged(peerId, 'left');
    link.placesChanged();
  }

  /** Someone waits at a datacenter for a host. */
  wait(peerId: string, label: WaitingState['label'], datacenter: string): void {
    const { room, link } = this.at(datacenter);
    this.people.put(peerId, label, datacenter);
    room.waitingHere = [...room.waitingHere, { peerId, displayName: `name of ${peerId}`, label }];
    link.waitingChanged();
  }

  /** One who waits is let in, or gives up. */
  unwait(peerId: string, datacenter: string): void {
    const { room, link } = this.at(datacenter);
    room.waitingHere = room.waitingHere.filter((other) => other.peerId !== peerId);
    link.waitingChanged();
  }

  /** The label of somebody changes: judged at the door first, then by the room, as a newcomer's. */
  async relabel(peerId: string, label: WaitingState['label'], datacenter: string): Promise<void> {
    const { room, link, policy } = this.at(datacenter);
    const serves = allowedForLabel(policy, label, datacenter);
    this.people.put(peerId, label, datacenter);
    const place = room.seated.get(peerId);
    if (place === undefined) {
      room.waitingHere = room.waitingHere.map((one) => (one.peerId === peerId ? { ...one, label } : one));
      if (serves) link.waitingChanged();
      else this.unwait(peerId, datacenter);
      return;
    }
    room.seated.set(peerId, { ...place, label });
    if (!serves) {
      this.leave(peerId, datacenter);
      return;
    }
    link.memberChanged(peerId, 'policy');
    link.placesChanged();
    const entered = await link.enter({ ...place, label }).catch(() => null);
    if (entered !== null && entered.kind !== 'admit' && room.seated.has(peerId))
      this.leave(peerId, datacenter);
  }

  /** One node switches: what it knows of others is judged first, then who is here. */
  switchPolicy(datacenter: string, policy: CompiledPolicy): void {
    const node = this.at(datacenter);
    node.policy = policy;
    node.federation.rejudge();
    for (const { peerId, label } of node.room.seated.values()) {
      if (!allowedForLabel(policy, label, datacenter)) this.leave(peerId, datacenter);
    }
    for (const { peerId, label } of node.room.waiting()) {
      if (!allowedForLabel(policy, label, datacenter)) this.unwait(peerId, datacenter);
    }
  }

  kill(datacenter: string): void {
    const node = this.at(datacenter);
    node.alive = false;
    node.room.seated.clear();
    node.room.entering.clear();
    node.room.waitingHere = [];
    this.network.kill(node.links);
  }

  /** Nothing passes between two datacenters any more. */
  cut(a: string, b: string): void {
    this.network.cut(this.at(a).links.peer, this.at(b).links.peer);
  }

  /** Members known at a datacenter, its own and others', by name of the peer. */
  seenAt(datacenter: string): string[] {
    const { room } = this.at(datacenter);
    return [...room.seated.keys(), ...room.known.keys()].sort();
  }

  /**
   * What T2 says of words: whatever was said to a node might be known there, by the policy of who said it; whatever a
   * node took, and still knows, may be known there by its own.
   */
  leaks(): string[] {
    const leaks = [...this.people.leaks];
    for (const node of this.nodes.values()) {
      const members = [...node.room.known.values()].map(({ member }) => member);
      for (const { peerId, label } of [...members, ...[...node.room.waitingThere.values()].flat()]) {
        if (!knowable(node, label)) leaks.push(`${peerId} at ${node.datacenter}`);
      }
    }
    return leaks;
  }

  /**
   * At rest: who is not known at a living node that could know them, and who is that is not there any more, or at a node
   * that has no say there.
   */
  disagreements(): string[] {
    const living = [...this.nodes.values()].filter(({ alive }) => alive);
    return living.flatMap((node) => {
      const { room, datacenter } = node;
      const others = living.filter((other) => other !== node && hears(node, other.datacenter));
      const known = new Set([
        ...room.known.keys(),
        ...[...room.waitingThere.values()].flat().map(({ peerId }) => peerId),
      ]);
      const occupied = room.places().length + room.waiting().length > 0;
      const there = others.flatMap((other) =>
        [...other.room.members(), ...other.room.waiting()].filter(
          ({ label }) => knowable(node, label) && knowable({ ...other, datacenter }, label),
        ),
      );
      const missing = occupied ? there.filter(({ peerId }) => !known.has(peerId)) : [];
      const left = [...known].filter((peerId) => !there.some((other) => other.peerId === peerId));
      return [
        ...missing.map(({ peerId }) => `${peerId} is not known at ${datacenter}`),
        ...left.map((peerId) => `${peerId} is known at ${datacenter} still`),
      ];
    });
  }

  /** Where a peer of a region may go, as the policy alone says. */
  routeOf(region: string, jti = ''): SeatList {
    return routeWithin(this.policy, region, () => true, jti);
  }

  close(): void {
    for (const node of this.nodes.values()) node.federation.close();
  }

  private redirect({ primaries, secondaries }: SeatList): Redirect {
    const entries = (names: readonly string[]) =>
      names.map((datacenter) => ({ datacenter, region: '', url: `wss://${datacenter}.example.net` }));
    const { message, retry, status } = ERRORS.room_moved;
    return {
      code: 'room_moved',
      message,
      retry,
      status,
      rule: 'common',
      policy: '',
      list: {
        cloud: 'commercial',
        room: 'standup',
        primaries: entries(primaries),
        secondaries: entries(secondaries),
        expiresAt: 0,
        policy: '',
        signature: '',
      },
    };
  }
}

/** Whether everyone at a node could sit at a datacenter; where nobody does, someone who waits there. */
function hears({ policy, room }: FakeNode, datacenter: string): boolean {
  const may = ({ label }: { label: Label }) => knowable({ policy, room, datacenter }, label);
  return room.places().length > 0 ? room.places().every(may) : room.waiting().some(may);
}

function knowable(
  { policy, room, datacenter }: Pick<FakeNode, 'policy' | 'room' | 'datacenter'>,
  label: Label,
): boolean {
  return allowedForLabel(policy, narrow(label, room.regions), datacenter);
}
