/** Checks of what a datacenter is reached at: pure text, no look-ups. */

/** A URL with nothing for a reader to mend; its host. */
const WRITTEN = /^wss?:\/\/([\w-]+(?:\.[\w-]+)*\.?|\[[\da-f.:]+\])(?::\d+)?(?:\/[^?#]*)?$/i;

/** Origin (`scheme://host:port`, normalised) of a bridge's URL, or what is wrong with it. */
export function bridgeOrigin(
  text: string,
): { ok: true; origin: string; host: string; loopback: boolean } | { ok: false; cause: string } {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return { ok: false, cause: 'is not a URL' };
  }
  if (url.protocol !== 'wss:' && !(url.protocol === 'ws:' && isLoopback(url.hostname))) {
    return { ok: false, cause: 'must be wss: (ws: only to loopback)' };
  }
  if (url.hostname === '') return { ok: false, cause: 'has no host' };
  if (url.username !== '' || url.password !== '') return { ok: false, cause: 'must not hold credentials' };
  if (url.search !== '' || url.hash !== '') return { ok: false, cause: 'must not have a query or fragment' };
  if (!/^[\x20-\x7e]*$/.test(text)) return { ok: false, cause: 'must be ASCII (write the host in punycode)' };
  // The URL standard strips white space and control characters; a file that has them is not what it seems.
  if (/[\s\\]/.test(text)) return { ok: false, cause: 'must not contain white space or backslashes' };
  // Nor what it mends otherwise: `wss:host`, `%2e`, 127.1, an empty query.
  const written = WRITTEN.exec(text)?.[1]?.toLowerCase();
  if (written === undefined || !(written.startsWith('[') || written === url.hostname)) {
    return { ok: false, cause: 'must be written as wss://HOST[:PORT][/PATH]' };
  }
  // A trailing dot names the same host.
  const host = url.hostname.replace(/\.$/, '');
  const port = url.port === '' ? (url.protocol === 'wss:' ? '443' : '80') : url.port;
  return { ok: true, origin: `${host}:${port}`, host, loopback: isLoopback(host) };
}

function isLoopback(host: string): boolean {
  return (
    host === 'localhost' ||
    host.endsWith('.localhost') ||
    host === '[::1]' ||
    /^127(?:\.\d{1,3}){3}$/.test(host)
  );
}

/** An address prefix as bits. */
export interface Prefix {
  readonly bits: bigint;
  readonly length: number;
  readonly width: 32 | 128;
}

/** Parses `a.b.c.d/n` or `x::y/n` (a bare address is its own prefix); null when it is none, or has host bits set. */
export function parsePrefix(text: string): Prefix | null {
  const [address, suffix, ...rest] = text.split('/');
  if (address === undefined || rest.length > 0) return null;
  const parsed = parseV4(address) ?? parseV6(address);
  if (parsed === null) return null;
  const { bits, width } = parsed;
  if (suffix !== undefined && !/^\d{1,3}$/.test(suffix)) return null;
  const length = suffix === undefined ? width : Number(suffix);
  if (length > width) return null;
  const hostMask = (1n << BigInt(width - length)) - 1n;
  return (bits & hostMask) === 0n ? { bits, length, width } : null;
}

/** Whether two prefixes share an address. */
export function overlap(a: Prefix, b: Prefix): boolean {
  if (a.width !== b.width) return false;
  const shift = BigInt(a.width - Math.min(a.length, b.length));
  return a.bits >> shift === b.bits >> shift;
}

/**
 * Pairs of prefixes that overlap and that `clash` says may not: for each prefix the nearest one around it. Sorted,
 * a prefix comes after all that contain it, so that one pass with a stack of those still open finds them.
 */
export function firstOverlaps<T extends { readonly prefix: Prefix }>(
  all: readonly T[],
  clash: (a: T, b: T) => boolean,
): [T, T][] {
  const sorted = all.toSorted(
    ({ prefix: a }, { prefix: b }) =>
      a.width - b.width || (a.bits < b.bits ? -1 : a.bits > b.bits ? 1 : a.length - b.length),
  );
  const found: [T, T][] = [];
  const open: T[] = [];
  for (const one of sorted) {
    while (open.length > 0 && !contains(open[open.length - 1]?.prefix, one.prefix)) open.pop();
    const other = open.findLast((o) => clash(o, one));
    if (other !== undefined) found.push([other, one]);
    // Of equal prefixes one of each kind is enough: the stack stays as deep as prefixes nest.
    const top = open[open.length - 1];
    if (top === undefined || top.prefix.length < one.prefix.length || clash(top, one)) open.push(one);
  }
  return found;
}

function contains(outer: Prefix | undefined, inner: Prefix): boolean {
  return outer !== undefined && outer.length <= inner.length && overlap(outer, inner);
}

function parseV4(text: string): { bits: bigint; width: 32 } | null {
  const parts = text.split('.');
  if (parts.length !== 4) return null;
  let bits = 0n;
  for (const part of parts) {
    if (!/^(?:0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return null;
    bits = (bits << 8n) | BigInt(part);
  }
  return { bits, width: 32 };
}

function parseV6(text: string): { bits: bigint; width: 128 } | null {
  if (!/^[0-9a-fA-F:]+$/.test(text)) return null;
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const groups = halves.map((half) => (half === '' ? [] : half.split(':')));
  if (groups.flat().some((group) => !/^[0-9a-fA-F]{1,4}$/.test(group))) return null;
  const [head = [], tail = []] = groups;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
  const all = [...head, ...Array.from({ length: missing }, () => '0'), ...tail];
  return { bits: all.reduce((bits, group) => (bits << 16n) | BigInt(`0x${group}`), 0n), width: 128 };
}

/** RFC 3339 date and time with a zone, to milliseconds since the epoch; null when it is none. */
export function parseInstant(text: string): number | null {
  const match =
    /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))$/.exec(text);
  if (match === null) return null;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number);
  const milliseconds = Number((match[7] ?? '').padEnd(3, '0').slice(0, 3));
  const zone = [match[9] ?? '0', match[10] ?? '0'].map(Number);
  const [zoneHour = 0, zoneMinute = 0] = zone;
  if (hour > 23 || minute > 59 || second > 59 || zoneHour > 23 || zoneMinute > 59) return null;
  const local = Date.UTC(year, month - 1, day, hour, minute, second, milliseconds);
  const date = new Date(local);
  if (year < 1970 || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return null;
  const sign = match[8] === '-' ? -1 : 1;
  return local - sign * (zoneHour * 60 + zoneMinute) * 60_000;
}
