import { BoolEncoder } from './vp8-bool-encoder.ts';

/**
 * The smallest VP8 pictures that every decoder takes: a key frame whose macroblocks are all predicted and carry
 * no residual (an even grey), and an inter frame that says "as before". What comes after the first partition is
 * never read, so it can be filled to any length: that is where stamps and bulk go.
 */

/**
 * Update probabilities of the coefficient probabilities (RFC 6386 section 13.4): four planes of eight bands of
 * three contexts of eleven, where a row's last values are 255 unless they are written.
 */
const COEFFICIENT_UPDATES = [
  ',,|176 246,223 241 252,249 253 253|255 244 252,234 254 254,253|255 246 254,239 253 254,254 255 254|255 248 254,251 255 254,|255 253 254,251 254 254,254 255 254|255 254 253 255 254,250 255 254 255 254,254|,,',
  '217,225 252 241 253 255 255 254,234 250 241 250 253 255 253 254|255 254,223 254 254,238 253 254 254|255 248 254,249 254,|255 253,247 254,|255 253 254,252,|255 254 254,253,|255 254 253,250,254|,,',
  '186 251 250,234 251 244 254,251 251 243 253 254 255 254|255 253 254,236 253 254,251 253 253 254 254|255 254 254,254 254 254,|255 254,254 254,254|,254,|,,|,,|,,',
  '248,250 254 252 254,248 254 249 253|255 253 253,246 253 253,252 254 251 254 254|255 254 252,248 254 253,253 255 254 254|255 251 254,245 251 254,253 253 254|255 251 253,252 253 254,255 254|255 252,249 255 254,255 255 254|255 255 253,250,|,254,',
]
  .join('|')
  .split(/[|,]/)
  .flatMap((row) => {
    const values = row === '' ? [] : row.split(' ').map(Number);
    return [...values, ...new Array<number>(11 - values.length).fill(255)];
  });

/** Update probabilities of the motion vector contexts, row and column (section 17.2). */
const MOTION_UPDATES = [
  237, 246, 253, 253, 254, 254, 254, 254, 254, 254, 254, 254, 254, 254, 250, 250, 252, 254, 254, 231, 243,
  245, 253, 254, 254, 254, 254, 254, 254, 254, 254, 254, 254, 254, 251, 251, 254, 254, 254,
];

/** Probability of "no motion" by how many neighbours say so (section 16.3): none, one, all three. */
const ZERO_MOTION = { none: 7, one: 135, all: 234 };

const macroblocks = (pixels: number): number => Math.ceil(pixels / 16);

/** A key frame of an even grey. Width and height in pixels. */
export function keyFrame(width: number, height: number): Buffer {
  const encoder = new BoolEncoder();
  encoder.flag(false); // colour space
  encoder.flag(false); // clamping
  commonHeader(encoder);
  encoder.flag(false); // keep this frame's probabilities
  coefficients(encoder);
  for (let block = macroblocks(width) * macroblocks(height); block > 0; block -= 1) {
    encoder.bool(SKIP, true);
    // Luma DC_PRED (section 11.2), chroma DC_PRED.
    encoder.bool(145, true);
    encoder.bool(156, false);
    encoder.bool(163, false);
    encoder.bool(142, false);
  }
  const partition = encoder.end();
  const start = Buffer.from([0, 0, 0, 0x9d, 0x01, 0x2a, 0, 0, 0, 0]);
  frameTag(start, true, partition.length);
  start.writeUInt16LE(width, 6);
  start.writeUInt16LE(height, 8);
  return Buffer.concat([start, partition]);
}

/** An inter frame that repeats the picture before it. */
export function repeatFrame(width: number, height: number): Buffer {
  const encoder = new BoolEncoder();
  commonHeader(encoder);
  encoder.flag(false); // golden frame stays
  encoder.flag(false); // alternate frame stays
  encoder.literal(0, 2);
  encoder.literal(0, 2);
  encoder.flag(false); // sign biases
  encoder.flag(false);
  encoder.flag(false); // keep the probabilities before this frame
  encoder.flag(true); // this is the last frame now
  coefficients(encoder);
  encoder.literal(1, 8); // odds of an intra macroblock
  encoder.literal(255, 8); // odds of the last frame as reference
  encoder.literal(128, 8);
  encoder.flag(false);
  encoder.flag(false);
  for (const odds of MOTION_UPDATES) encoder.bool(odds, false);
  for (let row = 0; row < macroblocks(height); row += 1) {
    for (let column = 0; column < macroblocks(width); column += 1) {
      encoder.bool(SKIP, true);
      encoder.bool(1, true); // inter
      encoder.bool(255, false); // from the last frame
      const neighbours = row > 0 && column > 0 ? 'all' : row > 0 || column > 0 ? 'one' : 'none';
      encoder.bool(ZERO_MOTION[neighbours], false);
    }
  }
  const partition = encoder.end();
  const start = Buffer.alloc(3);
  frameTag(start, false, partition.length);
  return Buffer.concat([start, partition]);
}

/** Odds, of 256, that a macroblock has a residual. */
const SKIP = 1;

function commonHeader(encoder: BoolEncoder): void {
  encoder.flag(false); // no segments
  encoder.flag(false); // filter type
  encoder.literal(0, 6); // no loop filter
  encoder.literal(0, 3);
  encoder.flag(false); // no filter adjustments
  encoder.literal(0, 2); // one residual partition
  encoder.literal(0, 7); // quantiser
  for (let delta = 0; delta < 5; delta += 1) encoder.flag(false);
}

function coefficients(encoder: BoolEncoder): void {
  for (const odds of COEFFICIENT_UPDATES) encoder.bool(odds, false);
  encoder.flag(true); // macroblocks may be without residual
  encoder.literal(SKIP, 8);
}

/** Section 9.1: not a key frame, version, shown, size of the first partition. */
function frameTag(frame: Buffer, key: boolean, partitionLength: number): void {
  frame.writeUIntLE((key ? 0 : 1) | (1 << 4) | (partitionLength << 5), 0, 3);
}

/** What the payload descriptor of each packet says of its frame (RFC 7741 section 4.2). */
export interface Vp8Descriptor {
  /** The first packet of a frame. */
  readonly start: boolean;
  /** 15 bits. */
  readonly pictureId: number;
  /** 8 bits; every frame is of the base layer here. */
  readonly tl0PictureIndex: number;
}

export const VP8_DESCRIPTOR_BYTES = 6;

export function vp8Descriptor({ start, pictureId, tl0PictureIndex }: Vp8Descriptor): Buffer {
  const bytes = Buffer.alloc(VP8_DESCRIPTOR_BYTES);
  bytes[0] = 0x80 | (start ? 0x10 : 0);
  bytes[1] = 0x80 | 0x40 | 0x20;
  bytes.writeUInt16BE(0x8000 | (pictureId & 0x7fff), 2);
  bytes[4] = tl0PictureIndex & 0xff;
  bytes[5] = 0;
  return bytes;
}

/** Whether a VP8 RTP payload begins a frame, and a key frame. Undefined for what is not VP8. */
export function readVp8(payload: Buffer): { start: boolean; key: boolean } | undefined {
  const first = payload[0];
  if (first === undefined) return undefined;
  let offset = 1;
  if (first & 0x80) {
    const extensions = payload[1] ?? 0;
    offset = 2;
    if (extensions & 0x80) offset += (payload[offset] ?? 0) & 0x80 ? 2 : 1;
    if (extensions & 0x40) offset += 1;
    if (extensions & 0x30) offset += 1;
  }
  const tag = payload[offset];
  if (tag === undefined) return undefined;
  const start = (first & 0x1f) === 0x10;
  return { start, key: start && (tag & 1) === 0 };
}
