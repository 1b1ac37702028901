import { describe, expect, test } from 'vitest';
import { StreamMeter } from './meter.ts';
import { readFeedback, senderReport } from './rtcp.ts';
import { isRtcp, readRtp, rtpPacket } from './rtp.ts';
import { STAMP_BYTES, writeStamp } from './stamp.ts';

const HEADER = { payloadType: 96, marker: true, sequence: 65_535, timestamp: 0xfedc_ba98, ssrc: 0x8000_0001 };

describe('RTP', () => {
  test('comes back as it was written, with and without an audio level', () => {
    const payload = Buffer.from('payload');
    expect(readRtp(rtpPacket(HEADER, payload))).toEqual({ ...HEADER, payload });
    const packet = rtpPacket(HEADER, payload, { id: 10, level: 30 });
    expect(readRtp(packet)).toEqual({ ...HEADER, payload });
    // RFC 8285: profile, one word, id and length, then the level with its voice bit.
    expect(packet.subarray(12, 20).toString('hex')).toBe('bede0001a09e0000');
  });

  test('is told from RTCP, and from what is cut short', () => {
    const report = senderReport({ ssrc: 1, wallMs: 0, timestamp: 0, packets: 0, bytes: 0, cname: 'a' });
    expect(isRtcp(report)).toBe(true);
    expect(readRtp(report)).toBeUndefined();
    const packet = rtpPacket(HEADER, Buffer.alloc(0), { id: 1, level: 1 });
    for (let length = 0; length < packet.length; length += 1) {
      expect(readRtp(packet.subarray(0, length))).toBeUndefined();
    }
  });
});

describe('RTCP', () => {
  test('sender reports name the moment in NTP time, and their lengths add up', () => {
    const wallMs = 1_700_000_000_500;
    const report = senderReport({
      ssrc: 0xdead_beef,
      wallMs,
      timestamp: 90_000,
      packets: 3,
      bytes: 4,
      cname: 'synthetic',
    });
    expect(report.readUInt32BE(8) - 2_208_988_800).toBe(1_700_000_000);
    expect(report.readUInt32BE(12) / 2 ** 32).toBeCloseTo(0.5, 5);
    const first = (report.readUInt16BE(2) + 1) * 4;
    expect(first + (report.readUInt16BE(first + 2) + 1) * 4).toBe(report.length);
    expect(report.toString('latin1')).toContain('synthetic');
  });

  test('PLI, FIR and NACK are found in a compound packet', () => {
    const report = senderReport({ ssrc: 9, wallMs: 0, timestamp: 0, packets: 0, bytes: 0, cname: 'x' });
    const pli = Buffer.from('81ce00020000000100000002', 'hex');
    const fir = Buffer.from('84ce0004000000010000000000000003' + '07000000', 'hex');
    // Packet 100 and, by the mask, 101 and 116.
    const nack = Buffer.from('81cd00030000000100000004' + '00648001', 'hex');
    expect(readFeedback(Buffer.concat([report, pli, fir, nack]))).toEqual([
      { kind: 'keyFrame', ssrc: 2 },
      { kind: 'keyFrame', ssrc: 3 },
      { kind: 'nack', ssrc: 4, sequences: [100, 101, 116] },
    ]);
    expect(readFeedback(nack.subarray(0, 14))).toEqual([]);
  });
});

describe('the meter', () => {
  const packet = (sequence: number, sentAt?: bigint): Buffer => {
    const payload = Buffer.alloc(STAMP_BYTES);
    if (sentAt !== undefined) writeStamp(payload, { stream: 5, count: sequence, sentAt });
    return rtpPacket({ ...HEADER, sequence }, payload);
  };

  test('counts what is missing, over the end of the numbers, and forgives what comes late', () => {
    const meter = new StreamMeter('video', 'video/H264');
    for (const sequence of [65_533, 65_534, 1, 3]) meter.take(packet(sequence));
    expect(meter.stats()).toMatchObject({ packets: 4, missing: 3, stamped: 0, latency: null });
    meter.take(packet(65_535));
    expect(meter.stats()).toMatchObject({ packets: 5, missing: 2 });
  });

  test('measures from the stamp to now', () => {
    const meter = new StreamMeter('audio', 'audio/opus');
    for (let n = 0; n < 100; n += 1) meter.take(packet(n, process.hrtime.bigint() - 5_000_000n));
    const { latency, lastStream } = meter.stats();
    expect(lastStream).toBe(5);
    expect(latency?.p50).toBeGreaterThanOrEqual(5);
    expect(latency?.max).toBeGreaterThanOrEqual(latency?.p99 ?? 0);
  });
});
