import { PAYLOAD_BYTES } from '../recordings/cutting.ts';
import { type PacketPayload, packetPictures } from '../recordings/packets.ts';
import { type RecordedCodec, recordedCodecOf } from '../recordings/recording.ts';
import { silentOpusPacket } from './opus-frames.ts';
import { STAMP_BYTES } from './stamp.ts';
import { keyFrame, repeatFrame, VP8_DESCRIPTOR_BYTES, vp8Descriptor } from './vp8-frames.ts';
import { numberVp9 } from './vp9-frames.ts';

/** Frames, one after the other, as RTP payloads. */
export interface FrameSource {
  /** RTP clock ticks from one frame to the next. */
  readonly ticks: number;
  /** Milliseconds from one frame to the next. */
  readonly interval: number;
  /** The caller may write stamps into what it gets. */
  next(): PacketPayload[];
  /** The next frame is to be a key frame. */
  requestKeyFrame(): void;
}

/** A key frame at the latest after so many frames, for those whose request was lost. */
const KEY_FRAME_EVERY = 250;

/** 20 ms of Opus silence in packets of this length. */
export function opusSource(packetBytes: number): FrameSource {
  const length = Math.max(packetBytes, STAMP_BYTES + 8);
  return {
    ticks: 960,
    interval: 20,
    next: () => [{ bytes: silentOpusPacket(length), stampAt: length - STAMP_BYTES }],
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
}

/** Video of a codec: VP8 that is made up, or what was recorded of another one, in the size that it was recorded in. */
export function videoSource(mimeType: string, shape: VideoShape): FrameSource {
  const { width, height, frameRate, bitrate } = shape;
  const recorded = recordedCodecOf(mimeType);
  return recorded === undefined
    ? vp8Source(width, height, frameRate, bitrate)
    : recordedSource(recorded, frameRate, bitrate);
}

/** A recording in a loop; whoever asks for a key frame gets it from its beginning. */
function recordedSource(codec: RecordedCodec, frameRate: number, bitrate: number): FrameSource {
  const pictures = packetPictures(codec, bitrate, frameRate);
  let pictureId = Math.floor(Math.random() * 0x8000);
  let tl0PictureIndex = Math.floor(Math.random() * 0x100);
  let at = 0;
  return {
    ticks: Math.round(90_000 / frameRate),
    interval: 1000 / frameRate,
    next() {
      const picture = pictures[at];
      at = (at + 1) % pictures.length;
      if (picture === undefined) return [];
      pictureId = (pictureId + 1) & 0x7fff;
      if (picture.temporal === 0) tl0PictureIndex = (tl0PictureIndex + 1) & 0xff;
      return picture.packets.map(({ bytes, stampAt }) => {
        const copy = Buffer.from(bytes);
        if (codec === 'vp9') numberVp9(copy, pictureId, tl0PictureIndex);
        return { bytes: copy, stampAt };
      });
    },
    requestKeyFrame() {
      at = 0;
    },
  };
}

/** Splits a frame, followed by filling that decoders do not read, over payloads of about equal length. */
function packetize(
  frame: Buffer,
  wantedBytes: number,
  pictureId: number,
  tl0PictureIndex: number,
): PacketPayload[] {
  const total = Math.max(wantedBytes, frame.length + STAMP_BYTES);
  const count = Math.ceil(total / (PAYLOAD_BYTES - VP8_DESCRIPTOR_BYTES));
  const each = Math.max(Math.ceil(total / count), STAMP_BYTES);
  return Array.from({ length: count }, (_, index) => {
    const bytes = Buffer.alloc(VP8_DESCRIPTOR_BYTES + each);
    vp8Descriptor({ start: index === 0, pictureId, tl0PictureIndex }).copy(bytes);
    frame.subarray(index * each).copy(bytes, VP8_DESCRIPTOR_BYTES);
    const isFilling = (index + 1) * each - STAMP_BYTES >= frame.length;
    return { bytes, stampAt: isFilling ? bytes.length - STAMP_BYTES : null };
  });
}
