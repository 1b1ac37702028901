import { cut, PAYLOAD_BYTES, type PictureToCut } from './cutting.ts';

const FILLER = 12;
const STAP_A = 24;
const FU_A = 28;
const SPS = 7;
const PPS = 8;

/**
 * An access unit by RFC 6184, packetization mode 1: parameter sets together, slices alone or in pieces, then packets
 * of filler data. Those have no place for a stamp: its bytes might look like the beginning of a NAL unit.
 */
export function h264Packets({ frames, bytes }: PictureToCut): Buffer[] {
  const units = unitsOf(Buffer.concat(frames));
  const isSet = (unit: Buffer): boolean => typeOf(unit) === SPS || typeOf(unit) === PPS;
  const sets = units.filter(isSet);
  const packets = sets.length === 0 ? [] : [aggregate(sets)];
  for (const unit of units) if (!isSet(unit)) packets.push(...pieces(unit));
  const fill = bytes - packets.reduce((sum, { length }) => sum + length, 0);
  const count = Math.max(0, Math.ceil(fill / PAYLOAD_BYTES));
  for (let n = 0; n < count; n += 1) {
    const filler = Buffer.alloc(Math.max(40, Math.ceil(fill / count)), 0xff);
    filler[0] = FILLER;
    filler[filler.length - 1] = 0x80;
    packets.push(filler);
  }
  return packets;
}

/** NAL units of a byte stream (ITU-T H.264 annex B). */
function unitsOf(stream: Buffer): Buffer[] {
  const starts: number[] = [];
  for (let at = stream.indexOf('000001', 0, 'hex'); at >= 0; at = stream.indexOf('000001', at + 3, 'hex'))
    starts.push(at + 3);
  return starts.map((start, index) => {
    let end = (starts[index + 1] ?? stream.length + 3) - 3;
    // A start code of four bytes, or zeros at the end.
    while (end > start && stream[end - 1] === 0) end -= 1;
    return stream.subarray(start, end);
  });
}

function typeOf(unit: Buffer): number {
  return (unit[0] ?? 0) & 31;
}

function aggregate(units: readonly Buffer[]): Buffer {
  const parts = units.flatMap((unit) => [Buffer.of(unit.length >> 8, unit.length & 0xff), unit]);
  return Buffer.concat([Buffer.of(0x60 | STAP_A), ...parts]);
}

function pieces(unit: Buffer): Buffer[] {
  if (unit.length <= PAYLOAD_BYTES) return [unit];
  const header = unit.readUInt8(0);
  const parts = cut(unit.subarray(1), PAYLOAD_BYTES - 2);
  return parts.map((part, index) => {
    const [first, last] = [index === 0, index === parts.length - 1];
    const place = (first ? 0x80 : 0) | (last ? 0x40 : 0);
    return Buffer.concat([Buffer.of((header & 0xe0) | FU_A, place | (header & 31)), part]);
  });
}
