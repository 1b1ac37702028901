/**
 * What a synthetic participant writes at the end of every payload, where no decoder looks: which stream, which
 * packet, and when it was sent, by the machine's monotonic clock (the same for all processes of one machine).
 * SFUs rewrite sequence numbers and header extensions, but not payloads.
 */
export interface Stamp {
  /** Chosen by the sender, one for each of its streams. */
  readonly stream: number;
  /** Counts the stream's packets, 32 bits. */
  readonly count: number;
  /** Nanoseconds of CLOCK_MONOTONIC. */
  readonly sentAt: bigint;
}

export const STAMP_MAGIC = 0x57534844;
export const STAMP_BYTES = 20;

/** Writes `at` an offset, by default the end of the payload; there must be room for it. */
export function writeStamp(payload: Buffer, stamp: Stamp, at = payload.length - STAMP_BYTES): void {
  payload.writeUInt32BE(STAMP_MAGIC, at);
  payload.writeUInt32BE(stamp.stream >>> 0, at + 4);
  payload.writeUInt32BE(stamp.count >>> 0, at + 8);
  payload.writeBigUInt64BE(stamp.sentAt, at + 12);
}

/** Undefined for a payload of anybody else (a browser). */
export function readStamp(payload: Buffer): Stamp | undefined {
  const at = stampPlace(payload);
  if (at === null) return undefined;
  return {
    stream: payload.readUInt32BE(at + 4),
    count: payload.readUInt32BE(at + 8),
    sentAt: payload.readBigUInt64BE(at + 12),
  };
}

/** Where a payload's stamp is: at its end, or before the superframe index that a VP9 frame ends with; else null. */
export function stampPlace(payload: Buffer): number | null {
  const isAt = (at: number): boolean => at >= 0 && payload.readUInt32BE(at) === STAMP_MAGIC;
  const end = payload.length - STAMP_BYTES;
  if (isAt(end)) return end;
  const marker = payload[payload.length - 1] ?? 0;
  if ((marker & 0xe0) !== 0xc0) return null;
  const before = end - (2 + (((marker >> 3) & 3) + 1) * ((marker & 7) + 1));
  return isAt(before) ? before : null;
}
