import { STAMP_BYTES, stampPlace } from '../participant/stamp.ts';
import { av1Packets } from './av1-packets.ts';
import { HOLE, type PictureToCut } from './cutting.ts';
import { h264Packets } from './h264-packets.ts';
import { type RecordedCodec, recordingOf } from './recording.ts';
import { vp9Packets } from './vp9-packets.ts';

/** One picture of a loop, as RTP payloads. */
export interface PacketPicture {
  readonly temporal: number;
  readonly packets: readonly PacketPayload[];
}

export interface PacketPayload {
  readonly bytes: Buffer;
  /** Where a stamp may be written, since no decoder looks there; null where it may not. */
  readonly stampAt: number | null;
}

/**
 * A codec's recording as RTP payloads, of which the first is a key picture; filled up with what decoders pass over
 * to about `bitrate` bit/s. A picture that was recorded larger than that stays as large.
 */
export function packetPictures(codec: RecordedCodec, bitrate: number, frameRate: number): PacketPicture[] {
  const { pictures, width, height } = recordingOf(codec);
  const bytes = Math.round(bitrate / 8 / frameRate);
  return pictures.map(({ temporal, layers }, index) => {
    const frames = layers.map((layer) => Buffer.from(layer, 'base64'));
    const picture = { frames, temporal, key: index === 0, bytes, width, height };
    const payloads = PACKETS[codec](picture);
    return { temporal, packets: payloads.map((payload) => ({ bytes: payload, stampAt: holeOf(payload) })) };
  });
}

const PACKETS: Readonly<Record<RecordedCodec, (picture: PictureToCut) => Buffer[]>> = {
  vp9: vp9Packets,
  av1: av1Packets,
  h264: h264Packets,
};

function holeOf(payload: Buffer): number | null {
  const place = stampPlace(payload);
  return place !== null && payload.subarray(place, place + STAMP_BYTES).equals(HOLE) ? place : null;
}
