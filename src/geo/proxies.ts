import { networks, normalizeAddress } from './address.ts';

/** What stands for an address that could not be had; the locator refuses it. */
export const UNKNOWN_ADDRESS = 'unknown';

/** More hops than any chain of proxies has. */
const MAX_HOPS = 32;

export type ClientAddress = (
  peer: string | undefined,
  forwardedFor: string | readonly string[] | undefined,
) => string;

/**
 * Finds the client's address: the socket's peer, unless that is in one of `trustedProxies` (networks); then the
 * rightmost entry of `X-Forwarded-For` that is not. What stands left of it is the client's own word, and counts
 * for nothing. `unknown` (which `Locator.locate` refuses) when the entry is no address: a guess could only be
 * the proxy's own.
 */
export function createClientAddress(trustedProxies: readonly string[]): ClientAddress {
  const trusted = networks(trustedProxies);
  return (peer, forwardedFor) => {
    let address = peer === undefined ? null : normalizeAddress(peer);
    if (address === null) return UNKNOWN_ADDRESS;
    if (forwardedFor === undefined) return address;
    const header = typeof forwardedFor === 'string' ? forwardedFor : forwardedFor.join(',');
    const hops = header.split(',');
    for (let hop = 0; hop < MAX_HOPS && trusted.has(address); hop++) {
      const entry = hops.pop();
      if (entry === undefined) return address;
      address = normalizeAddress(withoutPort(entry));
      if (address === null) return UNKNOWN_ADDRESS;
    }
    return trusted.has(address) ? UNKNOWN_ADDRESS : address;
  };
}

/** Some proxies write `192.0.2.1:4711` or `[2001:db8::1]:4711`. */
function withoutPort(entry: string): string {
  const text = entry.trim();
  return /^\[([^\]]*)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
}
