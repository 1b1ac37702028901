/** What the connection does at the moment; rates in bit/s, times in ms. */
export interface ConnectionStats {
  readonly roundTrip: number | null;
  /** Null at the first reading. */
  readonly receiving: number | null;
  readonly sending: number;
  /** Of what was to be received since the last reading. */
  readonly lossPercent: number | null;
  /** What is being sent: `VP8`, `opus`. */
  readonly codecs: readonly string[];
  /** `UDP`, or `TCP` where UDP is blocked. */
  readonly path: string | null;
}

/** The totals of one reading, from which the next one makes rates. */
export interface StatsTotals {
  readonly at: number;
  readonly received: number;
  readonly packets: number;
  readonly lost: number;
}

type Row = Readonly<Record<string, unknown>>;

/**
 * Puts together what the browser says of the receiving connection (W3C webrtc-stats) and what the node says of
 * what it gets from here (mediasoup's producer statistics).
 *
 * @param now milliseconds on the clock of `before`
 */
export function readStats(
  browser: readonly Row[],
  node: readonly Row[],
  before: StatsTotals | null,
  now: number,
): { stats: ConnectionStats; totals: StatsTotals } {
  const inbound = browser.filter((row) => row.type === 'inbound-rtp');
  const totals: StatsTotals = {
    at: now,
    received: sum(inbound, 'bytesReceived'),
    packets: sum(inbound, 'packetsReceived'),
    lost: sum(inbound, 'packetsLost'),
  };
  const seconds = before === null ? 0 : (totals.at - before.at) / 1000;
  // Counters fall when a consumer goes, and begin again with a new transport.
  const received = Math.max(0, totals.received - (before?.received ?? 0));
  const packets = Math.max(0, totals.packets - (before?.packets ?? 0));
  const lost = Math.max(0, totals.lost - (before?.lost ?? 0));
  // A consumer's statistics hold its producer's too, which is somebody else's.
  const sent = node.filter((row) => row.of === 'producer' && row.type === 'inbound-rtp');
  const pair = browser.find(
    (row) => row.type === 'candidate-pair' && row.nominated === true && row.state === 'succeeded',
  );
  const roundTrip = pair?.currentRoundTripTime;
  return {
    totals,
    stats: {
      roundTrip: typeof roundTrip === 'number' ? roundTrip * 1000 : null,
      receiving: seconds <= 0 ? null : (received * 8) / seconds,
      sending: sum(sent, 'bitrate'),
      lossPercent: packets + lost === 0 ? null : (100 * lost) / (packets + lost),
      codecs: [...new Set(sent.map(({ mimeType }) => codecName(mimeType)).filter((name) => name !== ''))],
      path: pathOf(pair, browser),
    },
  };
}

function pathOf(pair: Row | undefined, rows: readonly Row[]): string | null {
  const id = pair?.localCandidateId;
  const protocol = rows.find((row) => id !== undefined && row.id === id)?.protocol;
  return typeof protocol === 'string' ? protocol.toUpperCase() : null;
}

function codecName(mimeType: unknown): string {
  return typeof mimeType === 'string' ? (mimeType.split('/')[1] ?? '') : '';
}

function sum(rows: readonly Row[], field: string): number {
  return rows.reduce((total, row) => {
    const value = row[field];
    return total + (typeof value === 'number' && Number.isFinite(value) ? value : 0);
  }, 0);
}
