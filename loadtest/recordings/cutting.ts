import { STAMP_BYTES, STAMP_MAGIC } from '../participant/stamp.ts';

/** Largest RTP payload: with headers, SRTP and UDP it stays below every path's MTU. */
export const PAYLOAD_BYTES = 1100;

/** One picture, to be cut into packets. */
export interface PictureToCut {
  /** One for each spatial layer, lowest first. */
  readonly frames: readonly Buffer[];
  readonly temporal: number;
  readonly key: boolean;
  /** To be filled up to so many. */
  readonly bytes: number;
  readonly width: number;
  readonly height: number;
}

/** Stands where a stamp may be written. */
export const HOLE = Buffer.alloc(STAMP_BYTES);
HOLE.writeUInt32BE(STAMP_MAGIC, 0);

/** Cuts bytes into as few pieces as may be, about equally long. */
export function cut(bytes: Buffer, most: number): Buffer[] {
  const count = Math.max(1, Math.ceil(bytes.length / most));
  const each = Math.ceil(bytes.length / count);
  return Array.from({ length: count }, (_, index) => bytes.subarray(index * each, (index + 1) * each));
}
