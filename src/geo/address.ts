import { BlockList, isIP, isIPv4, isIPv6, SocketAddress } from 'node:net';

/** What an address is to geolocation. `unusable`: no client can have it (unspecified, multicast, reserved). */
export type AddressKind = 'public' | 'private' | 'loopback' | 'unusable';

/**
 * The one spelling of an address: IPv4-mapped IPv6 (`::ffff:192.0.2.1`) and NAT64 (`64:ff9b::/96`, RFC 6052)
 * become the IPv4 address they carry, zone ids go, IPv6 is compressed in lower case. Null for anything else.
 */
export function normalizeAddress(text: string): string | null {
  const bare = text.trim().replace(/%.*$/, '');
  if (isIPv4(bare)) return bare;
  if (!isIPv6(bare)) return null;
  // The URL standard's host serializer compresses as RFC 5952 section 4 asks.
  const canonical = new URL(`http://[${bare}]/`).hostname.slice(1, -1);
  return embeddedIPv4(canonical) ?? canonical;
}

/**
 * Who is behind a normalized address: the IPv4 address to which a tunnel leads, of 6to4 (`2002::/16`, RFC 3056) or
 * Teredo (`2001::/32`, RFC 4380 section 4); any other address itself. For judging alone: many may share one.
 */
export function behindTunnel(address: string): string {
  if (!/^200[12]:/.test(address)) return address;
  const groups = groupsOf(address);
  if (groups[0] === 0x2002) return dotted(groups[1], groups[2]);
  if (groups[0] === 0x2001 && groups[1] === 0)
    return dotted(0xffff ^ (groups[6] ?? 0), 0xffff ^ (groups[7] ?? 0));
  return address;
}

/** How the address (in any spelling) is to be judged. What is no address is `unusable`. */
export function classifyAddress(text: string): AddressKind {
  const address = normalizeAddress(text);
  if (address === null) return 'unusable';
  // Made once: a list that is given text makes one for itself.
  const socketAddress = new SocketAddress({ address, family: isIPv4(address) ? 'ipv4' : 'ipv6' });
  if (LOOPBACK.check(socketAddress)) return 'loopback';
  if (PRIVATE.check(socketAddress)) return 'private';
  if (UNUSABLE.check(socketAddress)) return 'unusable';
  return 'public';
}

/**
 * A set of networks, written as `192.0.2.0/24`, `2001:db8::/32` or single addresses. Throws a RangeError that
 * names the entry that is none of these.
 */
export function networks(prefixes: readonly string[]): { has(address: string): boolean } {
  const list = new BlockList();
  for (const prefix of prefixes) addPrefix(list, prefix);
  if (prefixes.length === 0) return { has: () => false };
  return {
    has(text) {
      const address = normalizeAddress(text);
      return address !== null && list.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
    },
  };
}

function addPrefix(list: BlockList, prefix: string): void {
  const [address = '', length, ...rest] = prefix.split('/');
  const version = isIP(address);
  const bits = length === undefined ? (version === 4 ? 32 : 128) : Number(length);
  const valid = version !== 0 && rest.length === 0 && (length === undefined || /^\d{1,3}$/.test(length));
  if (!valid || bits > (version === 4 ? 32 : 128)) {
    throw new RangeError(`"${prefix}" is not a network such as 192.0.2.0/24 or 2001:db8::/32`);
  }
  list.addSubnet(address, bits, version === 4 ? 'ipv4' : 'ipv6');
}

/** The IPv4 address that `::ffff:x:y` or `64:ff9b::x:y` carries, from the canonical spelling. */
function embeddedIPv4(canonical: string): string | null {
  const match =
    /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical) ??
    /^64:ff9b::(?:([0-9a-f]{1,4}):)?([0-9a-f]{1,4})$/.exec(canonical);
  if (match === null) return null;
  const [, high = '0', low = '0'] = match;
  return dotted(Number.parseInt(high, 16), Number.parseInt(low, 16));
}

/** The eight groups of a canonical IPv6 address. */
function groupsOf(canonical: string): number[] {
  const [left = [], right = []] = canonical.split('::').map((half) => (half === '' ? [] : half.split(':')));
  const zeros = Array<string>(8 - left.length - right.length).fill('0');
  return [...left, ...zeros, ...right].map((group) => Number.parseInt(group, 16));
}

function dotted(high = 0, low = 0): string {
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}

function blockList(...prefixes: string[]): BlockList {
  const list = new BlockList();
  for (const prefix of prefixes) addPrefix(list, prefix);
  return list;
}

const LOOPBACK = blockList('127.0.0.0/8', '::1');
/** RFC 1918, RFC 6598 (carrier-grade NAT), RFC 3927, RFC 4193, RFC 4291 link-local. */
const PRIVATE = blockList(
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '169.254.0.0/16',
  'fc00::/7',
  'fe80::/10',
);
const UNUSABLE = blockList('0.0.0.0/8', '224.0.0.0/4', '240.0.0.0/4', '::', 'ff00::/8');
