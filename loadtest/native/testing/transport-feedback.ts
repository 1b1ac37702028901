/** One report of draft-holmer-rmcat-transport-wide-cc-extensions-01, as its section 3.1 has it read. */
export interface TransportFeedback {
  readonly count: number;
  /** By transport-wide sequence number, in order: ms of the receiver's clock, or null for what did not arrive. */
  readonly packets: readonly (readonly [sequence: number, at: number | null])[];
}

/** Whole periods of the reference time of 24 bits, in ms. */
export const REFERENCE_PERIOD = 2 ** 24 * 64;

/** @throws RangeError where it is no such packet, or its parts contradict each other */
export function readTransportFeedback(packet: Buffer): TransportFeedback {
  const length = (packet.readUInt16BE(2) + 1) * 4;
  if (packet.readUInt8(0) >> 6 !== 2 || (packet.readUInt8(0) & 31) !== 15 || packet.readUInt8(1) !== 205)
    throw new RangeError('no transport-wide feedback');
  if (length !== packet.length) throw new RangeError(`${packet.length} bytes, and says ${length}`);
  const padding = packet.readUInt8(0) & 0x20 ? packet.readUInt8(length - 1) : 0;
  const first = packet.readUInt16BE(12);
  const expected = packet.readUInt16BE(14);
  const symbols: number[] = [];
  let at = 20;
  for (; symbols.length < expected; at += 2) symbols.push(...symbolsOf(packet.readUInt16BE(at)));
  let time = packet.readUIntBE(16, 3) * 64;
  const packets = symbols.slice(0, expected).map((symbol, index): [number, number | null] => {
    const sequence = (first + index) & 0xffff;
    if (symbol === 0) return [sequence, null];
    if (symbol === 3) throw new RangeError('a reserved symbol');
    time += (symbol === 1 ? packet.readUInt8(at) : packet.readInt16BE(at)) / 4;
    at += symbol;
    return [sequence, time];
  });
  if (at + padding !== length || padding > 3) throw new RangeError(`${length - at - padding} bytes too many`);
  return { count: packet.readUInt8(19), packets };
}

/** A run of one symbol, or a vector of fourteen of one bit or seven of two. */
function symbolsOf(chunk: number): number[] {
  if (chunk >> 15 === 0) return Array<number>(chunk & 0x1fff).fill((chunk >> 13) & 3);
  const [bits, many] = (chunk >> 14) & 1 ? [2, 7] : [1, 14];
  return Array.from({ length: many }, (_, index) => (chunk >> (bits * (many - 1 - index))) & (2 ** bits - 1));
}
