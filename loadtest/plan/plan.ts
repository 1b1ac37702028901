import type { Policy } from '../../src/policy/model.ts';
import { type CostModel, coresFor, type Load } from './model.ts';
import { type Failure, failures, type Placement, place, shares } from './place.ts';
import type { Shape } from './shape.ts';

export interface PlanRequest {
  readonly participants: number;
  readonly shape: Shape;
  /** Home regions and their weights. */
  readonly mix: ReadonlyMap<string, number>;
  readonly policy: Policy;
  readonly model: CostModel;
  /** Cores of one node, and the share of them that may be used in the worst of the planned cases. */
  readonly cores: number;
  readonly use: number;
  /** How long people stay, in s: so many join anew each second. */
  readonly stay: number;
  /** Share of the rooms whose people sit at two datacenters. */
  readonly across: number;
}

export interface PlannedSite {
  readonly datacenter: string;
  readonly region: string;
  readonly participants: number;
  /** Most participants in any of the planned failures, and which. */
  readonly worst: number;
  readonly because: string | null;
  readonly nodes: number;
  /** Share of all its nodes' cores in use: as always, and at the worst. */
  readonly load: number;
  readonly worstLoad: number;
  readonly bitsPerSecond: number;
  /** Bytes of memory that each node needs at the worst. */
  readonly memory: number;
}

export interface Plan {
  readonly sites: readonly PlannedSite[];
  readonly unserved: number;
  readonly failures: readonly (Failure & {
    /** Share of the participants who are served with the planned nodes, and with only those that a good day needs. */
    readonly served: number;
    readonly servedWithoutSpare: number;
    /** How many join anew then, and how many seconds of all the spare cores of those left that takes; null: none is spare. */
    readonly rejoining: number;
    readonly rejoinSeconds: number | null;
  })[];
  /** Participants that one node of that size holds. */
  readonly perNode: number;
}

/** How many nodes where, so that the load is still held when any one datacenter fails. */
export function plan(request: PlanRequest): Plan {
  const { participants, mix, policy, model, cores } = request;
  const people = shares(mix, participants);
  const normal = place(policy, people);
  const failing = failures(policy, people);
  const perNode = participantsPerNode(request);
  const sites = [...policy.datacenters.values()].flatMap(({ name, region }): PlannedSite[] => {
    const usual = normal.seats.get(name) ?? 0;
    let [worst, because]: [number, string | null] = [usual, null];
    for (const { datacenter, placement } of failing) {
      const then = placement.seats.get(name) ?? 0;
      if (then > worst + 1e-9) [worst, because] = [then, datacenter];
    }
    if (worst === 0) return [];
    const nodes = Math.max(1, Math.ceil(worst / perNode - 1e-9));
    const useOf = (seated: number): number =>
      coresFor(model, loadOf(request, nodes, seated)) / (nodes * cores);
    return [
      {
        datacenter: name,
        region,
        participants: Math.ceil(usual),
        worst: Math.ceil(worst),
        because,
        nodes,
        load: useOf(usual),
        worstLoad: useOf(worst),
        bitsPerSecond: (worst * request.shape.bitsPerRoom) / request.shape.people,
        memory: model.idleBytes + (model.bytesPerParticipant * worst) / nodes,
      },
    ];
  });
  const total = [...people.values()].reduce((sum, count) => sum + count, 0);
  const served = (seats: ReadonlyMap<string, number>, nodesOf: (name: string) => number): number =>
    [...seats].reduce((sum, [name, seated]) => sum + Math.min(seated, nodesOf(name) * perNode), 0) / total;
  const planned = new Map(sites.map(({ datacenter, nodes }) => [datacenter, nodes]));
  const lean = (name: string): number => Math.ceil((normal.seats.get(name) ?? 0) / perNode - 1e-9);
  return {
    sites,
    unserved: normal.unserved,
    failures: failing.map((failure) => ({
      ...failure,
      served: served(failure.placement.seats, (name) => planned.get(name) ?? 0),
      servedWithoutSpare: served(failure.placement.seats, lean),
      ...rejoinsOf(request, failure, normal, planned),
    })),
    perNode,
  };
}

/** Packets that one participant of a shape is sent, a second. */
export function packetsEach({ packetsPerRoom, people }: Shape): number {
  return packetsPerRoom / people;
}

/** What so many people at so many nodes cause. */
function loadOf({ shape, stay, across }: PlanRequest, nodes: number, participants: number): Load {
  return {
    nodes,
    participants,
    packets: participants * packetsEach(shape),
    piped: (participants * across * shape.sourcesPerRoom) / shape.people,
    joins: participants / stay,
    streams: (participants / stay) * shape.streamsPerJoin,
  };
}

/** Everybody who sat at the datacenter that failed joins again, while those who are left have only so much to spare. */
function rejoinsOf(
  request: PlanRequest,
  { datacenter, placement }: Failure,
  normal: Placement,
  planned: ReadonlyMap<string, number>,
): { rejoining: number; rejoinSeconds: number | null } {
  const { model, cores } = request;
  const rejoining = Math.ceil(normal.seats.get(datacenter) ?? 0);
  let spare = 0;
  for (const [name, seated] of placement.seats) {
    // Only where somebody more comes to.
    if (seated <= (normal.seats.get(name) ?? 0)) continue;
    const nodes = planned.get(name) ?? 0;
    spare += Math.max(0, nodes * cores - coresFor(model, loadOf(request, nodes, seated)));
  }
  // Rooms fill anew: of the streams of a full room each begins once.
  const each = model.perJoin + (model.perStream * request.shape.streamsPerJoin) / 2;
  return { rejoining, rejoinSeconds: spare === 0 ? null : (rejoining * each) / spare };
}

function participantsPerNode(request: PlanRequest): number {
  const { model, cores, use } = request;
  const each = coresFor(model, loadOf(request, 0, 1));
  const room = cores * use - model.idle;
  if (each <= 0 || room <= 0)
    throw new Error('the measured figures leave no room for anybody on a node of that size');
  return room / each;
}
