import type { CallClient } from './call-client.ts';
import { type ConnectionStats, readStats, type StatsTotals } from './stats.ts';

/** Reads the connection's figures on request; each reading's rates are since the one before. */
export function createStatsReader(client: CallClient): () => Promise<ConnectionStats | null> {
  let before: StatsTotals | null = null;
  return async () => {
    if (client.status !== 'joined') return null;
    const reports = await Promise.all(
      client.tracks.map(({ receiver }) => receiver?.getStats().catch(() => undefined)),
    );
    // Receivers share their connection: its candidates are in each report, once counts.
    const rows = new Map<string, Record<string, unknown>>();
    for (const report of reports) {
      report?.forEach((row: Record<string, unknown>) => {
        if (typeof row.id === 'string') rows.set(row.id, row);
      });
    }
    const node = await client.getStats();
    const read = readStats([...rows.values()], node.ok ? node.value : [], before, performance.now());
    before = read.totals;
    return read.stats;
  };
}
