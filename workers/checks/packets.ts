import { bindingRequest, STUN, stunAttribute } from '../../loadtest/probes/stun.ts';
import type { Random } from './random.ts';

// Packets that are right, or nearly: what is wrong in every field is thrown away by the first line of a parser,
// and finds nothing behind it.

/** One stream that the worker knows. */
export interface Stream {
  readonly ssrc: number;
  readonly payloadType: number;
}

/** The username fragment and password of an ICE agent. */
export interface IceCredentials {
  readonly usernameFragment: string;
  readonly password: string;
}

/** First bytes of payloads that the worker's parsers of codecs take for something. */
const payloadHeads = [
  '10',
  '9080ff7f',
  '90e0ffff',
  '8f01c0',
  '7c85',
  '781000',
  '67640028',
  '0a0b',
  '2808',
].map((head) => Buffer.from(head, 'hex'));

/** RTP with header extensions in one-byte or two-byte form, CSRCs and padding as it happens (RFC 3550, 8285). */
export function rtp(random: Random, stream: Stream, sequence: number): Buffer {
  const csrcs = random.below(8) === 0 ? random.below(16) : 0;
  const extension = random.below(2) === 0 ? Buffer.alloc(0) : headerExtension(random);
  const padding = random.below(8) === 0 ? 1 + random.below(255) : 0;
  const header = Buffer.alloc(12);
  header[0] = 0x80 | (padding > 0 ? 0x20 : 0) | (extension.length > 0 ? 0x10 : 0) | csrcs;
  header[1] = (random.below(4) === 0 ? 0x80 : 0) | stream.payloadType;
  header.writeUInt16BE(sequence & 0xffff, 2);
  header.writeUInt32BE((sequence * 3000) >>> 0, 4);
  header.writeUInt32BE(stream.ssrc, 8);
  const payload = [random.pick(payloadHeads), random.bytes(random.below(40))];
  const pad = Buffer.alloc(padding, padding);
  return Buffer.concat([header, random.bytes(csrcs * 4), extension, ...payload, pad]);
}

function headerExtension(random: Random): Buffer {
  const twoBytes = random.below(2) === 0;
  const elements = Array.from({ length: random.below(6) }, () => {
    const id = 1 + random.below(14);
    const data = random.bytes(1 + random.below(16));
    return twoBytes
      ? Buffer.concat([Buffer.from([id, data.length]), data])
      : Buffer.concat([Buffer.from([(id << 4) | (data.length - 1)]), data]);
  });
  const body = Buffer.concat(elements);
  const padded = Buffer.concat([body, Buffer.alloc((4 - (body.length % 4)) % 4)]);
  const head = Buffer.alloc(4);
  head.writeUInt16BE(twoBytes ? 0x1000 : 0xbede, 0);
  head.writeUInt16BE(padded.length / 4, 2);
  return Buffer.concat([head, padded]);
}

/** Formats of feedback by packet type: transport-layer (205) and payload-specific (206), RFC 4585, 5104. */
const feedbackFormats = new Map([
  [205, [1, 3, 4, 5, 7, 8, 15]],
  [206, [1, 2, 3, 4, 5, 6, 7, 8, 15]],
]);

/** One to three RTCP packets of every kind, as a compound (RFC 3550, 3611, 4585). */
export function rtcp(random: Random, streams: readonly Stream[]): Buffer {
  return Buffer.concat(Array.from({ length: 1 + random.below(3) }, () => rtcpPacket(random, streams)));
}

function rtcpPacket(random: Random, streams: readonly Stream[]): Buffer {
  const type = random.pick([200, 201, 202, 203, 204, 205, 205, 205, 206, 206, 206, 207]);
  const formats = feedbackFormats.get(type);
  const count = formats ? random.pick(formats) : random.below(4);
  const words = Buffer.alloc(8);
  words.writeUInt32BE(random.pick(streams).ssrc, 0);
  words.writeUInt32BE(random.pick(streams).ssrc, 4);
  const special = random.below(4) === 0 ? Buffer.from('REMB') : Buffer.alloc(0);
  const body = Buffer.concat([words, special, random.bytes(4 * random.below(12))]);
  const head = Buffer.alloc(4);
  head[0] = 0x80 | count;
  head[1] = type;
  head.writeUInt16BE(body.length / 4, 2);
  return Buffer.concat([head, body]);
}

/** A STUN binding request that authenticates (RFC 8489, 8445), with attributes that nobody asked for. */
export function stun(random: Random, ice: IceCredentials, options: { nominate: boolean }): Buffer {
  const attributes = [
    stunAttribute(STUN.username, Buffer.from(`${ice.usernameFragment}:fuzz`)),
    stunAttribute(STUN.priority, random.bytes(4)),
    stunAttribute(STUN.iceControlling, random.bytes(8)),
    ...(options.nominate ? [stunAttribute(STUN.useCandidate, Buffer.alloc(0))] : []),
    ...Array.from({ length: random.below(3) }, () =>
      stunAttribute(random.pick([0x0009, 0x0020, 0x8022, 0xc001, 0x0030]), random.bytes(random.below(24))),
    ),
  ];
  return bindingRequest(ice.password, attributes, random.bytes(12));
}

/** A DTLS record of any kind, mostly the beginning of a ClientHello (RFC 6347 section 4). */
export function dtls(random: Random): Buffer {
  const hello = random.below(3) > 0;
  const body = hello ? clientHello(random) : random.bytes(random.below(80));
  const head = Buffer.alloc(13);
  head[0] = hello ? 22 : random.pick([20, 21, 22, 23, 24, 25, 63]);
  head.writeUInt16BE(random.pick([0xfefd, 0xfeff]), 1);
  head.writeUInt16BE(random.below(2), 3);
  head.writeUIntBE(random.below(1000), 5, 6);
  head.writeUInt16BE(body.length, 11);
  return Buffer.concat([head, body]);
}

function clientHello(random: Random): Buffer {
  const extensions = Buffer.concat(
    Array.from({ length: random.below(5) }, () => {
      const data = random.bytes(random.below(20));
      const head = Buffer.alloc(4);
      head.writeUInt16BE(random.pick([0, 10, 11, 13, 14, 22, 23, 35, 65281]), 0);
      head.writeUInt16BE(data.length, 2);
      return Buffer.concat([head, data]);
    }),
  );
  const length = Buffer.alloc(2);
  length.writeUInt16BE(extensions.length);
  const body = Buffer.concat([
    Buffer.from('fefd', 'hex'),
    random.bytes(32),
    Buffer.from([0, 0]),
    Buffer.from('0004c02bc02f0100', 'hex'),
    length,
    extensions,
  ]);
  const head = Buffer.alloc(12);
  head[0] = random.below(4) === 0 ? random.below(24) : 1;
  head.writeUIntBE(body.length, 1, 3);
  head.writeUIntBE(body.length, 9, 3);
  return Buffer.concat([head, body]);
}

/** The packet as a broken sender or an attacker would have sent it. */
export function mutate(random: Random, packet: Buffer): Buffer {
  const out = Buffer.from(packet);
  switch (random.below(6)) {
    case 0:
      return out.subarray(0, random.below(out.length + 1));
    case 1:
      return Buffer.concat([out, random.bytes(random.below(64))]);
    case 2:
      // Lengths and counts are single bytes or pairs: extremes there lead furthest.
      out[random.below(Math.max(1, out.length))] = random.pick([0, 1, 0x7f, 0x80, 0xff]);
      return out;
    case 3: {
      const at = random.below(Math.max(1, out.length));
      return Buffer.concat([out.subarray(0, at), random.bytes(1 + random.below(8)), out.subarray(at)]);
    }
    case 4: {
      const at = random.below(Math.max(1, out.length));
      return Buffer.concat([out.subarray(0, at), out.subarray(at + 1 + random.below(8))]);
    }
    default:
      for (let i = random.below(8); i >= 0; i -= 1) {
        const at = random.below(Math.max(1, out.length));
        out[at] = (out[at] ?? 0) ^ (1 << random.below(8));
      }
      return out;
  }
}
