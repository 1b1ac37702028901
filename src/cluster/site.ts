import { bridgeOrigin, overlap, parsePrefix } from '../policy/address.ts';
import type { CompiledPolicy } from '../policy/compile.ts';

/** Whether what a node says it is reached at is its datacenter's, by the policy. */

/**
 * Whether a node's URL is its datacenter's: its host is the datacenter's host or a name under it, and no other
 * datacenter of the policy has a closer claim to it. It is what clients are sent to, with their tokens.
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

/**
 * Whether a page with this origin (`https://host[:port]`) is served by a node of the cloud, of whatever datacenter: it
 * belongs to one as nodes' URLs do. The node may have died since.
 */
export function isCloudPage(p: CompiledPolicy, origin: string): boolean {
  if (!origin.startsWith('http')) return false;
  const url = origin.replace('http', 'ws');
  const page = bridgeOrigin(url);
  if (!page.ok) return false;
  for (const site of p.policy.datacenters.values()) {
    const own = bridgeOrigin(site.url);
    // What listens at another port of this machine may be anybody's.
    if (!own.ok || (own.loopback && own.origin !== page.origin)) continue;
    if (belongs(p, site.name, url)) return true;
  }
  return false;
}

/**
 * Whether a node's link (`host:port`) may be dialled: where the policy has the datacenter's `media` prefixes, an
 * address within them, or a name that belongs as URLs do. Its certificate is what proves who answers.
 */
export function linkBelongs(p: CompiledPolicy, datacenter: string, link: string): boolean {
  const { host = '', port = '' } =
    /^(?<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):(?<port>\d{1,5})$/.exec(link)?.groups ?? {};
  const media = p.policy.datacenters.get(datacenter)?.media;
  if (media === undefined || Number(port) < 1 || Number(port) > 65_535) return false;
  if (media.length === 0) return true;
  const address = parsePrefix(host.replace(/^\[|\]$/g, ''));
  if (address === null) return belongs(p, datacenter, `wss://${host}:${port}`);
  return media.some((text) => {
    const prefix = parsePrefix(text);
    return prefix !== null && overlap(prefix, address);
  });
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
