/** Fields of an RTP header (RFC 3550 section 5.1). */
export interface RtpHeader {
  readonly payloadType: number;
  readonly marker: boolean;
  readonly sequence: number;
  readonly timestamp: number;
  readonly ssrc: number;
}

/** The audio level header extension (RFC 6464), where it is negotiated. */
export interface AudioLevel {
  readonly id: number;
  /** 0 (loudest) to 127 (silence), in -dBov. */
  readonly level: number;
}

/** An RTP packet. */
export function rtpPacket(header: RtpHeader, payload: Buffer, level?: AudioLevel): Buffer {
  const extension = level === undefined ? 0 : 8;
  const packet = Buffer.allocUnsafe(12 + extension + payload.length);
  packet[0] = 0x80 | (extension > 0 ? 0x10 : 0);
  packet[1] = (header.marker ? 0x80 : 0) | header.payloadType;
  packet.writeUInt16BE(header.sequence & 0xffff, 2);
  packet.writeUInt32BE(header.timestamp >>> 0, 4);
  packet.writeUInt32BE(header.ssrc, 8);
  if (level !== undefined) {
    // One-byte form (RFC 8285 section 4.2): one element of one byte, two of padding.
    packet.writeUInt32BE(0xbede0001, 12);
    packet.writeUInt32BE(((level.id << 28) | ((0x80 | level.level) << 16)) >>> 0, 16);
  }
  payload.copy(packet, 12 + extension);
  return packet;
}

export interface RtpPacket extends RtpHeader {
  readonly payload: Buffer;
}

/** Undefined for RTCP (RFC 5761 section 4) and for what is too short. */
export function readRtp(packet: Buffer): RtpPacket | undefined {
  if (packet.length < 12 || isRtcp(packet)) return undefined;
  const first = packet.readUInt8(0);
  let start = 12 + (first & 0x0f) * 4;
  if (first & 0x10) {
    if (packet.length < start + 4) return undefined;
    start += 4 + packet.readUInt16BE(start + 2) * 4;
  }
  const padding = first & 0x20 ? packet.readUInt8(packet.length - 1) : 0;
  if (start > packet.length - padding) return undefined;
  const second = packet.readUInt8(1);
  return {
    payloadType: second & 0x7f,
    marker: (second & 0x80) !== 0,
    sequence: packet.readUInt16BE(2),
    timestamp: packet.readUInt32BE(4),
    ssrc: packet.readUInt32BE(8),
    payload: packet.subarray(start, packet.length - padding),
  };
}

export function isRtcp(packet: Buffer): boolean {
  const second = packet[1] ?? 0;
  return second >= 192 && second <= 223;
}
