import { bridgeOrigin } from '../policy/address.ts';
import type { CompiledPolicy } from '../policy/compile.ts';
import { score } from '../policy/routing.ts';
import type { NodeRecord, Registry } from '../registry/port.ts';

/** Which datacenters can take a session now, and through which URL. Made from one reading of the registry. */
export interface Liveness {
  readonly isLive: (datacenter: string) => boolean;
  /** WebSocket base URL for a room at a live datacenter; undefined where it is not live. */
  readonly urlFor: (datacenter: string, room: string) => string | undefined;
}

/**
 * Reads who is up. Rejects with `registry_unavailable`. Liveness only orders and filters what the policy
 * allowed already: a record can make a datacenter look up or down, never allowed.
 */
export async function readLiveness(p: CompiledPolicy, registry: Registry): Promise<Liveness> {
  return livenessOf(p, await registry.nodes());
}

/** A datacenter is live when the policy knows it and one of its nodes is ready and accepting. */
export function livenessOf(p: CompiledPolicy, nodes: readonly NodeRecord[]): Liveness {
  const byDatacenter = new Map<string, NodeRecord[]>();
  for (const node of nodes) {
    if (node.state !== 'ready' || !node.accepting || !p.datacenterNumber.has(node.datacenter)) continue;
    const there = byDatacenter.get(node.datacenter);
    if (there === undefined) byDatacenter.set(node.datacenter, [node]);
    else there.push(node);
  }
  return {
    isLive: (datacenter) => byDatacenter.has(datacenter),
    urlFor: (datacenter, room) => {
      const best = rank(byDatacenter.get(datacenter) ?? [], room)[0];
      if (best === undefined) return undefined;
      return belongs(p, datacenter, best.url) ? best.url : p.policy.datacenters.get(datacenter)?.url;
    },
  };
}

/** Share of load within which nodes count as equal, so that one room's members meet at one node. */
const LOAD_STEP = 0.25;

/** Least loaded first, in coarse steps; among equals by rendezvous hashing of the room. */
function rank(nodes: readonly NodeRecord[], room: string): NodeRecord[] {
  return nodes
    .map((node) => ({ node, step: loadStep(node.load), score: score(room, node.id, 1) }))
    .sort((a, b) => a.step - b.step || b.score - a.score)
    .map(({ node }) => node);
}

/** What is no number counts as full: a record without statistics is not preferred. */
function loadStep(load: number): number {
  return Number.isFinite(load) ? Math.floor(Math.min(Math.max(load, 0), 1) / LOAD_STEP) : 1 / LOAD_STEP + 1;
}

/**
 * Whether a node's URL is its datacenter's: its host is the datacenter's host or a name under it, and no other
 * datacenter of the policy has a closer claim to it. The registry is not trusted, and this is what clients are
 * sent to with their tokens: a URL that does not belong is replaced by the datacenter's own.
 */
export function belongs(p: CompiledPolicy, datacenter: string, url: string): boolean {
  const node = bridgeOrigin(url);
  if (!node.ok) return false;
  const own = p.policy.datacenters.get(datacenter);
  if (own === undefined || claim(own.url, node, url) === 0) return false;
  const mine = claim(own.url, node, url);
  for (const other of p.policy.datacenters.values()) {
    if (other.name !== datacenter && claim(other.url, node, url) > mine) return false;
  }
  return true;
}

/** How closely a datacenter's URL claims a node's: 0 not at all; longer names are closer, the same origin most. */
function claim(datacenterUrl: string, node: { origin: string; host: string }, nodeUrl: string): number {
  const site = bridgeOrigin(datacenterUrl);
  if (!site.ok) return 0;
  // A site behind TLS has no node without it.
  if (datacenterUrl.startsWith('wss:') && !nodeUrl.startsWith('wss:')) return 0;
  if (site.origin === node.origin) return Number.POSITIVE_INFINITY;
  if (site.host === node.host || node.host.endsWith(`.${site.host}`)) return site.host.length;
  return 0;
}
