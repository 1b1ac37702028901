import { isIPv4, isIPv6 } from 'node:net';

/**
 * The header that the PROXY protocol puts before everything else on a connection (haproxy's proxy-protocol.txt,
 * versions 1 and 2): who the client is, as the proxy saw it.
 */
export type ProxyHeader =
  | {
      readonly kind: 'header';
      /** The client's address; null where the proxy speaks for itself (LOCAL, UNKNOWN, UNSPEC): a health check. */
      readonly address: string | null;
      /** Bytes of the header: what follows is the client's. */
      readonly length: number;
    }
  /** More bytes are needed. */
  | { readonly kind: 'partial' }
  | { readonly kind: 'invalid'; readonly reason: BadHeader };

export const BAD_HEADERS = [
  'no PROXY header',
  'the PROXY line does not end',
  'not a PROXY line',
  'no version or command of the PROXY protocol',
  'the PROXY header is too long',
  'neither TCP over IPv4 nor over IPv6',
] as const;
type BadHeader = (typeof BAD_HEADERS)[number];

/** Section 2.1: the longest line, CRLF included. */
const V1_MAX = 107;
const V1_START = Buffer.from('PROXY ');
/** Section 2.2. */
const V2_SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const V2_FIXED = 16;
/** Addresses and extensions (TLVs, which are not read). Certificates of clients are the longest that proxies send. */
const V2_MAX = 4096;

/** The most that has to be looked at before the answer is no longer `partial`. */
export const MAX_PROXY_HEADER_BYTES = V2_FIXED + V2_MAX;

/** Reads the header at the start of what came in so far. Strict: what is not exactly a header is invalid. */
export function readProxyHeader(bytes: Buffer): ProxyHeader {
  if (startsLike(bytes, V2_SIGNATURE)) return readV2(bytes);
  if (startsLike(bytes, V1_START)) return readV1(bytes);
  return invalid('no PROXY header');
}

function startsLike(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length);
  return bytes.subarray(0, length).equals(start.subarray(0, length));
}

const V1_LINE = /^PROXY (TCP4|TCP6) (\S{1,45}) (\S{1,45}) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4})$/;

function readV1(bytes: Buffer): ProxyHeader {
  const window = bytes.subarray(0, V1_MAX).toString('latin1');
  const end = window.indexOf('\r\n');
  if (end < 0) return bytes.length < V1_MAX ? { kind: 'partial' } : invalid('the PROXY line does not end');
  const line = window.slice(0, end);
  const length = end + 2;
  if (/^PROXY UNKNOWN(?: |$)/.test(line)) return { kind: 'header', address: null, length };
  const [, family, source = '', destination = '', ...ports] = V1_LINE.exec(line) ?? [];
  const isAddress = family === 'TCP4' ? isIPv4 : isIPv6;
  const whole = family !== undefined && isAddress(source) && isAddress(destination);
  if (!whole || ports.some((port) => Number(port) > 65_535)) return invalid('not a PROXY line');
  return { kind: 'header', address: source, length };
}

function readV2(bytes: Buffer): ProxyHeader {
  if (bytes.length < V2_FIXED) return { kind: 'partial' };
  const version = bytes.readUInt8(12) >> 4;
  const command = bytes.readUInt8(12) & 0x0f;
  const family = bytes.readUInt8(13);
  const size = bytes.readUInt16BE(14);
  if (version !== 2 || command > 1) return invalid('no version or command of the PROXY protocol');
  if (size > V2_MAX) return invalid('the PROXY header is too long');
  const length = V2_FIXED + size;
  if (bytes.length < length) return { kind: 'partial' };
  const isLocal = command === 0;
  // UNSPEC: the proxy does not say, and section 2.2 has the receiver use the connection's own address.
  if (isLocal || family === 0x00) return { kind: 'header', address: null, length };
  const addresses = bytes.subarray(V2_FIXED, length);
  if (family === 0x11 && size >= 12) {
    return { kind: 'header', address: [...addresses.subarray(0, 4)].join('.'), length };
  }
  if (family === 0x21 && size >= 36) return { kind: 'header', address: ipv6(addresses), length };
  return invalid('neither TCP over IPv4 nor over IPv6');
}

/** Written out in full; whoever compares addresses brings them into one form. */
function ipv6(bytes: Buffer): string {
  return Array.from({ length: 8 }, (_, group) => bytes.readUInt16BE(group * 2).toString(16)).join(':');
}

function invalid(reason: BadHeader): ProxyHeader {
  return { kind: 'invalid', reason };
}
