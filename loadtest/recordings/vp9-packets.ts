import { STAMP_BYTES } from '../participant/stamp.ts';
import { VP9_DESCRIPTOR_BYTES, type Vp9Packet, vp9Descriptor } from '../participant/vp9-frames.ts';
import { cut, HOLE, PAYLOAD_BYTES, type PictureToCut } from './cutting.ts';

/** Bits of the lowest layer and upwards: a quarter of the pixels needs about a third of the bits. */
const SHARES = [1, 3, 9];
/** Of the scalability structure, which stands before a key picture's first bytes. */
const STRUCTURE_BYTES = 40;

/**
 * A picture of several spatial layers. Decoders would take what follows a frame for another one, so each layer ends
 * with a superframe index (VP9 bitstream specification, annex B), which says how long each frame is; what fills it up
 * lies within. Of a key picture the index covers the layers below, too, which it is decoded with; of another picture,
 * whose layers do not depend on one another, a decoder is given the highest alone.
 */
export function vp9Packets({ frames, temporal, key, bytes, width, height }: PictureToCut): Buffer[] {
  const total = SHARES.slice(0, frames.length).reduce((sum, share) => sum + share, 0);
  const sizes = frames.map((_, layer): [number, number] => {
    const scale = 2 ** (frames.length - 1 - layer);
    return [Math.round(width / scale), Math.round(height / scale)];
  });
  const lengths: number[] = [];
  return frames.flatMap((frame, spatialLayer) => {
    const wanted = (bytes * (SHARES[spatialLayer] ?? 1)) / total;
    const fill = Math.max(0, Math.round(wanted) - frame.length - STAMP_BYTES);
    lengths.push(frame.length + fill + STAMP_BYTES);
    const index = superframeIndex(key ? lengths : lengths.slice(-1));
    // For the next layer's index this one is part of the frame.
    lengths[spatialLayer] = frame.length + fill + STAMP_BYTES + index.length;
    const body = Buffer.concat([frame, Buffer.alloc(fill), HOLE, index]);
    const pieces = cut(body, PAYLOAD_BYTES - VP9_DESCRIPTOR_BYTES - STRUCTURE_BYTES);
    let at = 0;
    return pieces.map((piece, number) => {
      const start = number === 0;
      const end = number === pieces.length - 1;
      const packet: Vp9Packet = {
        start,
        end,
        pictureId: 0,
        tl0PictureIndex: 0,
        spatialLayer,
        temporalLayer: temporal,
        key,
        ...(key && start && spatialLayer === 0 && { sizes, temporalLayers: 3 }),
      };
      const payload = Buffer.concat([vp9Descriptor(packet), piece]);
      at += piece.length;
      // Within the filling.
      if (!end && at - STAMP_BYTES >= frame.length) HOLE.copy(payload, payload.length - STAMP_BYTES);
      return payload;
    });
  });
}

function superframeIndex(lengths: readonly number[]): Buffer {
  // Four bytes for each length.
  const marker = 0xc0 | (3 << 3) | (lengths.length - 1);
  const index = Buffer.alloc(2 + 4 * lengths.length, marker);
  lengths.forEach((length, at) => {
    index.writeUInt32LE(length, 1 + 4 * at);
  });
  return index;
}
