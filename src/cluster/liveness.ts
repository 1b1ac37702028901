import type { CompiledPolicy } from '../policy/compile.ts';
import { score } from '../policy/routing.ts';
import { loadStep, type NodeRecord } from '../registry/port.ts';
import type { RosterFault, RosterReading } from './roster.ts';

/** Which datacenters can take a session now, and through which URL. Made from one reading of the roster. */
export interface Liveness {
  readonly isLive: (datacenter: string) => boolean;
  /** WebSocket base URLs for a room at a datacenter: the one to use, and another node's; none where it is not live. */
  readonly urlsFor: (datacenter: string, room: string) => readonly string[];
  /** Why a datacenter that the policy knows is not live; null where it is. For operators, not for clients. */
  readonly absence: (datacenter: string) => Absence | null;
}

export type Absence =
  | { readonly reason: 'unregistered' }
  /** All of its nodes are; `full`, where some are. */
  | { readonly reason: 'starting' | 'draining' | 'full' }
  /** None of its records could be believed. */
  | { readonly reason: 'unverified'; readonly faults: readonly RosterFault[] };

/**
 * A datacenter is live when the policy knows it and one of its nodes is ready and accepting. Liveness only orders
 * and filters what the policy allowed already: a record can make a datacenter look up or down, never allowed.
 */
export function livenessOf(p: CompiledPolicy, { nodes, rejected }: RosterReading): Liveness {
  const usable = new Map<string, NodeRecord[]>();
  for (const node of nodes) {
    if (node.state !== 'ready' || !node.accepting || !p.datacenterNumber.has(node.datacenter)) continue;
    const there = usable.get(node.datacenter);
    if (there === undefined) usable.set(node.datacenter, [node]);
    else there.push(node);
  }
  return {
    isLive: (datacenter) => usable.has(datacenter),
    urlsFor: (datacenter, room) => bestTwo(usable.get(datacenter) ?? [], room).map(({ url }) => url),
    absence: (datacenter) => {
      if (usable.has(datacenter)) return null;
      const here = nodes.filter((node) => node.datacenter === datacenter);
      const faults = rejected.filter((node) => node.datacenter === datacenter).map(({ reason }) => reason);
      if (here.length === 0 && faults.length > 0)
        return { reason: 'unverified', faults: [...new Set(faults)] };
      if (here.some(({ state }) => state === 'ready')) return { reason: 'full' };
      if (here.some(({ state }) => state === 'draining')) return { reason: 'draining' };
      return { reason: here.length === 0 ? 'unregistered' : 'starting' };
    },
  };
}

function bestTwo(nodes: readonly NodeRecord[], room: string): NodeRecord[] {
  const first = best(nodes, room);
  if (first === undefined) return [];
  const second = best(
    nodes.filter(({ url }) => url !== first.url),
    room,
  );
  return second === undefined ? [first] : [first, second];
}

/** The least loaded, in coarse steps, so that one room's members meet; among equals by rendezvous hashing. */
function best(nodes: readonly NodeRecord[], room: string): NodeRecord | undefined {
  let first: { node: NodeRecord; step: number; score: number } | undefined;
  for (const node of nodes) {
    const step = loadStep(node.load);
    if (first !== undefined && step > first.step) continue;
    const mine = score(room, node.id, 1);
    if (first === undefined || step < first.step || mine > first.score) first = { node, step, score: mine };
  }
  return first?.node;
}
