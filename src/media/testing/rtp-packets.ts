/** RTP and RTCP as the test participant writes and reads it (RFC 3550). */

export interface RtpFields {
  readonly payloadType: number;
  readonly sequence: number;
  readonly timestamp: number;
  readonly ssrc: number;
  readonly marker?: boolean;
  /** Audio level header extension (RFC 6464): its id, and the level in -dBov. */
  readonly level?: { readonly id: number; readonly value: number };
}

export function rtpPacket(fields: RtpFields, payload: Buffer): Buffer {
  const header = Buffer.alloc(12);
  header[0] = 0x80 | (fields.level ? 0x10 : 0);
  header[1] = fields.payloadType | (fields.marker ? 0x80 : 0);
  header.writeUInt16BE(fields.sequence & 0xffff, 2);
  header.writeUInt32BE(fields.timestamp >>> 0, 4);
  header.writeUInt32BE(fields.ssrc, 8);
  // RFC 8285 section 4.2: one-byte headers, one word of extensions.
  const extension = fields.level
    ? Buffer.from([0xbe, 0xde, 0, 1, fields.level.id << 4, 0x80 | fields.level.value, 0, 0])
    : Buffer.alloc(0);
  return Buffer.concat([header, extension, payload]);
}

/** RFC 7741 section 4: start of partition 0; a payload header whose P bit says key frame. */
export const VP8_KEY_FRAME = Buffer.from([0x10, 0x00]);

/**
 * RFC 9628 section 4.2: a whole layer frame of a picture that refers to no other picture, so that a receiver may
 * begin with any.
 */
export function vp9Descriptor(picture: number, spatialLayer: number): Buffer {
  const I = 0x80;
  const L = 0x20;
  const B = 0x08;
  const E = 0x04;
  const dependsOnLower = spatialLayer > 0 ? 1 : 0;
  const id = picture & 0x7fff;
  return Buffer.from([
    I | L | B | E,
    0x80 | (id >> 8),
    id & 0xff,
    (spatialLayer << 1) | dependsOnLower,
    picture & 0xff,
  ]);
}

/** A sender report: without one for each, a simulcast consumer cannot switch between two streams. */
export function senderReport(ssrc: number, rtpTimestamp: number, packets: number): Buffer {
  const report = Buffer.alloc(28);
  report[0] = 0x80;
  report[1] = 200;
  report.writeUInt16BE(6, 2);
  report.writeUInt32BE(ssrc, 4);
  const now = Date.now();
  report.writeUInt32BE(Math.floor(now / 1000) + 2_208_988_800, 8);
  report.writeUInt32BE(Math.floor(((now % 1000) / 1000) * 2 ** 32), 12);
  report.writeUInt32BE(rtpTimestamp >>> 0, 16);
  report.writeUInt32BE(packets, 20);
  report.writeUInt32BE(packets * 100, 24);
  return report;
}

/** RTP apart from RTCP as RFC 5761 section 4 says. */
export function isRtp(packet: Buffer): boolean {
  const second = packet[1] ?? 0;
  return packet.length >= 12 && (packet[0] ?? 0) >> 6 === 2 && !(second >= 192 && second <= 223);
}

export function rtpPayload(packet: Buffer): Buffer {
  const first = packet[0] ?? 0;
  let start = 12 + (first & 0x0f) * 4;
  if (first & 0x10) start += 4 + packet.readUInt16BE(start + 2) * 4;
  const padding = first & 0x20 ? (packet.at(-1) ?? 0) : 0;
  return packet.subarray(start, packet.length - padding);
}
