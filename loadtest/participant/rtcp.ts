/** What a sender report says (RFC 3550 section 6.4.1). */
export interface SenderReport {
  readonly ssrc: number;
  /** Wall clock, in ms since 1970. */
  readonly wallMs: number;
  /** The RTP timestamp of that moment. */
  readonly timestamp: number;
  readonly packets: number;
  readonly bytes: number;
  readonly cname: string;
}

/** Seconds from 1900 (NTP) to 1970. */
const NTP_EPOCH = 2_208_988_800;

/** A compound packet: sender report and source description. SFUs need it to switch between simulcast streams. */
export function senderReport(report: SenderReport): Buffer {
  const head = Buffer.alloc(28);
  head.writeUInt32BE(0x80c80006, 0);
  head.writeUInt32BE(report.ssrc, 4);
  const seconds = Math.floor(report.wallMs / 1000);
  head.writeUInt32BE((seconds + NTP_EPOCH) >>> 0, 8);
  head.writeUInt32BE(Math.floor(((report.wallMs - seconds * 1000) / 1000) * 2 ** 32), 12);
  head.writeUInt32BE(report.timestamp >>> 0, 16);
  head.writeUInt32BE(report.packets >>> 0, 20);
  head.writeUInt32BE(report.bytes >>> 0, 24);
  const name = Buffer.from(report.cname, 'utf8');
  const words = Math.ceil((4 + 2 + name.length + 1) / 4);
  const description = Buffer.alloc(4 + words * 4);
  description.writeUInt32BE((0x81ca0000 | words) >>> 0, 0);
  description.writeUInt32BE(report.ssrc, 4);
  description[8] = 1;
  description[9] = name.length;
  name.copy(description, 10);
  return Buffer.concat([head, description]);
}

/** What a receiver asks of a sender, for the stream `ssrc`. */
export type Feedback =
  | { readonly kind: 'keyFrame'; readonly ssrc: number }
  | { readonly kind: 'nack'; readonly ssrc: number; readonly sequences: readonly number[] };

/** Every PLI, FIR and NACK of a compound packet (RFC 4585 section 6, RFC 5104 section 4.3.1). */
export function readFeedback(packet: Buffer): Feedback[] {
  const found: Feedback[] = [];
  for (let start = 0; start + 12 <= packet.length; ) {
    const format = packet.readUInt8(start) & 0x1f;
    const type = packet.readUInt8(start + 1);
    const end = start + 4 + packet.readUInt16BE(start + 2) * 4;
    if (end > packet.length) break;
    const ssrc = packet.readUInt32BE(start + 8);
    if (type === 206 && format === 1) found.push({ kind: 'keyFrame', ssrc });
    if (type === 206 && format === 4) {
      for (let at = start + 12; at + 8 <= end; at += 8) {
        found.push({ kind: 'keyFrame', ssrc: packet.readUInt32BE(at) });
      }
    }
    if (type === 205 && format === 1) {
      const sequences: number[] = [];
      for (let at = start + 12; at + 4 <= end; at += 4) sequences.push(...lost(packet.readUInt32BE(at)));
      found.push({ kind: 'nack', ssrc, sequences });
    }
    start = end;
  }
  return found;
}

function lost(item: number): number[] {
  const first = item >>> 16;
  const sequences = [first];
  for (let bit = 0; bit < 16; bit += 1) {
    if ((item >> bit) & 1) sequences.push((first + bit + 1) & 0xffff);
  }
  return sequences;
}
