import { silentOpusPacket } from './opus-frames.ts';
import { STAMP_BYTES } from './stamp.ts';
import { keyFrame, repeatFrame, VP8_DESCRIPTOR_BYTES, vp8Descriptor } from './vp8-frames.ts';
import { vp9Descriptor } from './vp9-frames.ts';

/** One RTP payload. Where the end of it is filling, a stamp may be written over that. */
export interface Payload {
  readonly bytes: Buffer;
  readonly stampable: boolean;
}

/** Frames, one after the other, as RTP payloads. */
export interface FrameSource {
  /** RTP clock ticks from one frame to the next. */
  readonly ticks: number;
  /** Milliseconds from one frame to the next. */
  readonly interval: number;
  next(): Payload[];
  /** The next frame is to be a key frame. */
  requestKeyFrame(): void;
}

/** Largest RTP payload: with headers, SRTP and UDP it stays below every path's MTU. */
const PAYLOAD_BYTES = 1100;
/** A key frame at the latest after so many frames, for those whose request was lost. */
const KEY_FRAME_EVERY = 250;

/** 20 ms of Opus silence in packets of this length. */
export function opusSource(packetBytes: number): FrameSource {
  const length = Math.max(packetBytes, STAMP_BYTES + 8);
  return {
    ticks: 960,
    interval: 20,
    next: () => [{ bytes: silentOpusPacket(length), stampable: true }],
    requestKeyFrame: () => undefined,
  };
}

/**
 * VP8 that decodes to an even grey and takes `bitrate` bit/s.
 * @param width,height pixels
 */
export function vp8Source(width: number, height: number, frameRate: number, bitrate: number): FrameSource {
  const key = keyFrame(width, height);
  const repeat = repeatFrame(width, height);
  const frameBytes = Math.round(bitrate / 8 / frameRate);
  let pictureId = Math.floor(Math.random() * 0x8000);
  let tl0PictureIndex = Math.floor(Math.random() * 0x100);
  let untilKey = 0;
  return {
    ticks: Math.round(90_000 / frameRate),
    interval: 1000 / frameRate,
    next() {
      const frame = untilKey === 0 ? key : repeat;
      untilKey = untilKey === 0 ? KEY_FRAME_EVERY : untilKey - 1;
      pictureId = (pictureId + 1) & 0x7fff;
      tl0PictureIndex = (tl0PictureIndex + 1) & 0xff;
      return packetize(frame, frameBytes, pictureId, tl0PictureIndex);
    },
    requestKeyFrame() {
      untilKey = 0;
    },
  };
}

interface VideoShape {
  readonly width: number;
  readonly height: number;
  readonly frameRate: number;
  readonly bitrate: number;
  /** Spatial layers within the stream. */
  readonly layers: number;
}

/** Video of a codec that can be made up. */
export function videoSource(mimeType: string, shape: VideoShape): FrameSource {
  const { width, height, frameRate, bitrate, layers } = shape;
  return mimeType.toLowerCase() === 'video/vp9'
    ? vp9Source(width, height, frameRate, bitrate, layers)
    : vp8Source(width, height, frameRate, bitrate);
}

/** Shares of the bitrate from the lowest layer up: a quarter of the pixels needs about a third of the bits. */
const LAYER_SHARES = [1, 3, 9];

/**
 * VP9 with up to three spatial layers in one stream, for those that count packets (see vp9-frames.ts).
 * @param width,height pixels of the highest layer
 */
function vp9Source(
  width: number,
  height: number,
  frameRate: number,
  bitrate: number,
  layers: number,
): FrameSource {
  const shares = LAYER_SHARES.slice(0, layers);
  const total = shares.reduce((sum, share) => sum + share, 0);
  const sizes = shares.map((_, layer): [number, number] => {
    const scale = 2 ** (shares.length - 1 - layer);
    return [Math.round(width / scale), Math.round(height / scale)];
  });
  let pictureId = Math.floor(Math.random() * 0x8000);
  let tl0PictureIndex = Math.floor(Math.random() * 0x100);
  let untilKey = 0;
  return {
    ticks: Math.round(90_000 / frameRate),
    interval: 1000 / frameRate,
    next() {
      const key = untilKey === 0;
      untilKey = key ? KEY_FRAME_EVERY : untilKey - 1;
      pictureId = (pictureId + 1) & 0x7fff;
      tl0PictureIndex = (tl0PictureIndex + 1) & 0xff;
      return shares.flatMap((share, spatialLayer) => {
        const wanted = Math.round((bitrate * share) / total / 8 / frameRate);
        const count = Math.max(1, Math.ceil(wanted / PAYLOAD_BYTES));
        return Array.from({ length: count }, (_, index) => {
          const start = index === 0;
          const packet = { start, end: index === count - 1, pictureId, tl0PictureIndex, spatialLayer, key };
          const tells = key && start && spatialLayer === 0;
          const descriptor = vp9Descriptor(tells ? { ...packet, sizes } : packet);
          const body = Math.max(Math.ceil(wanted / count), STAMP_BYTES);
          return { bytes: Buffer.concat([descriptor, Buffer.alloc(body)]), stampable: true };
        });
      });
    },
    requestKeyFrame() {
      untilKey = 0;
    },
  };
}

/** Splits a frame, followed by filling that decoders do not read, over payloads of about equal length. */
function packetize(
  frame: Buffer,
  wantedBytes: number,
  pictureId: number,
  tl0PictureIndex: number,
): Payload[] {
  const total = Math.max(wantedBytes, frame.length + STAMP_BYTES);
  const count = Math.ceil(total / (PAYLOAD_BYTES - VP8_DESCRIPTOR_BYTES));
  const each = Math.max(Math.ceil(total / count), STAMP_BYTES);
  return Array.from({ length: count }, (_, index) => {
    const bytes = Buffer.alloc(VP8_DESCRIPTOR_BYTES + each);
    vp8Descriptor({ start: index === 0, pictureId, tl0PictureIndex }).copy(bytes);
    frame.subarray(index * each).copy(bytes, VP8_DESCRIPTOR_BYTES);
    return { bytes, stampable: (index + 1) * each - STAMP_BYTES >= frame.length };
  });
}
