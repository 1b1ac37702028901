import { describe, expect, it } from 'vitest';
import { readStats } from './stats.ts';

const browser = (bytes: number, packets: number, lost: number) => [
  { type: 'inbound-rtp', bytesReceived: bytes, packetsReceived: packets, packetsLost: lost },
  { type: 'inbound-rtp', bytesReceived: 1000, packetsReceived: 10 },
  {
    type: 'candidate-pair',
    nominated: true,
    state: 'succeeded',
    currentRoundTripTime: 0.024,
    localCandidateId: 'L1',
  },
  { type: 'local-candidate', id: 'L1', protocol: 'udp' },
];
const node = [
  { of: 'producer', type: 'inbound-rtp', mimeType: 'video/VP8', bitrate: 900_000 },
  { of: 'producer', type: 'inbound-rtp', mimeType: 'video/VP8', bitrate: 100_000 },
  { of: 'producer', type: 'inbound-rtp', mimeType: 'audio/opus', bitrate: 32_000 },
  { of: 'consumer', type: 'inbound-rtp', mimeType: 'video/AV1', bitrate: 70_000 },
  { of: 'consumer', type: 'outbound-rtp', mimeType: 'audio/opus', bitrate: 5 },
];

describe('readStats', () => {
  it('makes rates and loss of two readings', () => {
    const first = readStats(browser(10_000, 100, 0), node, null, 1000);
    expect(first.stats).toMatchObject({ receiving: null, sending: 1_032_000, codecs: ['VP8', 'opus'] });
    expect(first.stats).toMatchObject({ roundTrip: 24, path: 'UDP' });
    const second = readStats(browser(260_000, 190, 10), node, first.totals, 3000);
    expect(second.stats).toMatchObject({ receiving: 1_000_000, lossPercent: 10 });
  });
  it('does not go below nothing when counters begin again', () => {
    const first = readStats(browser(500_000, 900, 9), node, null, 0);
    const second = readStats(browser(10, 1, 0), node, first.totals, 1000);
    expect(second.stats).toMatchObject({ receiving: 0, lossPercent: null });
  });
  it('is silent about what nobody said', () => {
    expect(readStats([], [], null, 0).stats).toEqual({
      roundTrip: null,
      receiving: null,
      sending: 0,
      lossPercent: null,
      codecs: [],
      path: null,
    });
  });
});
