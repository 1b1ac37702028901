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

const MAGIC = 0x57534844;
export const STAMP_BYTES = 20;

/** Writes at the end of `payload`, which must be long enough. */
export function writeStamp(payload: Buffer, stamp: Stamp): void {
  const start = payload.length - STAMP_BYTES;
  payload.writeUInt32BE(MAGIC, start);
  payload.writeUInt32BE(stamp.stream >>> 0, start + 4);
  payload.writeUInt32BE(stamp.count >>> 0, start + 8);
  payload.writeBigUInt64BE(stamp.sentAt, start + 12);
}

/** Undefined for a payload of anybody else (a browser). */
export function readStamp(payload: Buffer): Stamp | undefined {
  const start = payload.length - STAMP_BYTES;
  if (start < 0 || payload.readUInt32BE(start) !== MAGIC) return undefined;
  return {
    stream: payload.readUInt32BE(start + 4),
    count: payload.readUInt32BE(start + 8),
    sentAt: payload.readBigUInt64BE(start + 12),
  };
}
