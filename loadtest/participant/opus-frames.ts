/**
 * An Opus packet of silence, 20 ms, that any decoder takes and that is as long as wanted: code 3 packets
 * (RFC 6716 section 3.2.5) may be padded, and padding is skipped unread.
 *
 * @param length whole packet in bytes, 8 to 1000
 */
export function silentOpusPacket(length: number): Buffer {
  // Configuration 31 (CELT, full band, 20 ms), mono, code 3; one frame, padded.
  const head = [0xfb, 0x41];
  const frame = [0xff, 0xfe];
  const padded = length - head.length - frame.length;
  // Each 255 stands for 254 bytes of padding and another length byte after it.
  const lengths: number[] = [];
  let rest = padded;
  while (rest > 255) {
    lengths.push(255);
    rest -= 255;
  }
  lengths.push(rest - 1);
  const packet = Buffer.alloc(length);
  Buffer.from([...head, ...lengths, ...frame]).copy(packet);
  return packet;
}
