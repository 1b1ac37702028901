import { expect, it } from 'vitest';
import { releaseWebRtc } from '../../../loadtest/participant/participant.ts';
import { GAP_MS, redisOutage } from './redis-outage.ts';

it('without Redis under the chart’s probes nothing is restarted, no session is lost, and all are ready soon after', async () => {
  // Long enough for both readiness probes to fail; `npm run trial -- redis-outage` takes seven minutes.
  const result = await redisOutage({ seconds: 12, say: () => {} });
  releaseWebRtc();
  expect(result).toMatchObject({ restarts: 0, lostProcesses: 0, lostSessions: 0, silent: 0 });
  expect(result.longestGapMs).toBeLessThan(GAP_MS);
  expect(result.readyMs).toBeLessThan(10_000);
}, 240_000);
