import { STAMP_BYTES } from '../participant/stamp.ts';
import { HOLE, PAYLOAD_BYTES, type PictureToCut } from './cutting.ts';

const TEMPORAL_DELIMITER = 2;
const PADDING = 15;
const HAS_EXTENSION = 0x04;
const HAS_SIZE = 0x02;
/** Aggregation header: the first element goes on from the packet before; the last goes on in the next one. */
const GOES_ON = 0x80;
const TO_BE_CONTINUED = 0x40;
const NEW_SEQUENCE = 0x08;
/** Of an element's length in packets of this size. */
const LENGTH_BYTES = 2;

/**
 * A temporal unit by the AV1 RTP payload format (1.0.0, section 4): OBUs without delimiter and sizes, each an element
 * with its length, and last a padding OBU up to the size that is wanted. No packet but the last ends where an OBU
 * does: without a dependency descriptor that is how receivers tell that the picture goes on.
 */
export function av1Packets({ frames, key, bytes }: PictureToCut): Buffer[] {
  const units = obusOf(Buffer.concat(frames));
  const fill = bytes - units.reduce((sum, { length }) => sum + length, 0);
  units.push(
    Buffer.concat([Buffer.of(PADDING << 3), Buffer.alloc(Math.max(1, fill - 1 - STAMP_BYTES)), HOLE]),
  );
  const packets: Buffer[] = [];
  let open: Buffer[] = [];
  let room = PAYLOAD_BYTES - 1;
  const end = (goesOn: boolean, continued: boolean): void => {
    const sequence = key && packets.length === 0 ? NEW_SEQUENCE : 0;
    const header = (goesOn ? GOES_ON : 0) | (continued ? TO_BE_CONTINUED : 0) | sequence;
    packets.push(Buffer.concat([Buffer.of(header), ...open]));
    [open, room] = [[], PAYLOAD_BYTES - 1];
  };
  for (const [index, unit] of units.entries()) {
    const last = index === units.length - 1;
    for (let at = 0; at < unit.length; ) {
      // Room for the beginning of the next one, or this one goes on into the next packet.
      const ends = unit.length - at + LENGTH_BYTES + (last ? 0 : LENGTH_BYTES + 1) <= room;
      const length = ends ? unit.length - at : Math.min(unit.length - at - 1, room - LENGTH_BYTES);
      const piece = unit.subarray(at, at + length);
      open.push(leb128(piece.length), piece);
      room -= LENGTH_BYTES + piece.length;
      at += piece.length;
      if (ends) continue;
      end(packets.length > 0, true);
      const payload = packets[packets.length - 1];
      // Within the filling.
      if (last && at >= 1 + STAMP_BYTES && payload !== undefined && piece.length >= STAMP_BYTES)
        HOLE.copy(payload, payload.length - STAMP_BYTES);
    }
  }
  end(packets.length > 0, false);
  return packets;
}

/** The OBUs of a low-overhead stream, without the size that each has there. */
function obusOf(stream: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < stream.length; ) {
    const header = stream.readUInt8(at);
    const headerLength = header & HAS_EXTENSION ? 2 : 1;
    if ((header & HAS_SIZE) === 0) throw new Error('an OBU has no size');
    let [size, shift, start] = [0, 0, at + headerLength];
    for (let more = true; more; shift += 7) {
      const byte = stream.readUInt8(start++);
      size |= (byte & 0x7f) << shift;
      more = (byte & 0x80) !== 0;
    }
    const type = (header >> 3) & 15;
    if (type !== TEMPORAL_DELIMITER && type !== PADDING) {
      const bare = Buffer.from(stream.subarray(at, at + headerLength));
      bare[0] = header & ~HAS_SIZE;
      found.push(Buffer.concat([bare, stream.subarray(start, start + size)]));
    }
    at = start + size;
  }
  return found;
}

/** Always in two bytes, so that there is room for it whatever it says. */
function leb128(value: number): Buffer {
  return Buffer.of((value & 0x7f) | 0x80, value >> 7);
}
