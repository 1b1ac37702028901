import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { createDecisionRecorder, type Decision } from './decision.ts';

const DECISION: Decision = {
  step: 'upgrade',
  kind: 'refuse',
  code: 'region_unknown',
  rule: 'unknown',
  policy: 'sha256:00',
  home: 'us',
  evidence: ['us'],
  regions: null,
  here: 'sjc',
  listed: [],
  room: 'quarterly-results',
  jti: '0123456789abcdef',
};

function recorder(debug = true) {
  const lines: [string, object, string][] = [];
  const metrics = new Registry();
  const decisions = createDecisionRecorder({
    logger: {
      info: (fields, message) => lines.push(['info', fields, message]),
      debug: (fields, message) => lines.push(['debug', fields, message]),
      isLevelEnabled: () => debug,
    },
    metrics,
    now: () => 0,
    isRegion: (name) => name === 'us',
  });
  return { decisions, lines, metrics };
}

test('one record and one count; ids truncated', async () => {
  const { decisions, lines, metrics } = recorder();
  decisions.record(DECISION);
  expect(lines).toEqual([
    [
      'info',
      { decision: { ...DECISION, at: '1970-01-01T00:00:00.000Z', room: 'quarterl…', jti: '01234567…' } },
      'decision',
    ],
  ]);
  expect(await metrics.metrics()).toContain(
    'watershed_decisions_total{step="upgrade",kind="refuse",code="region_unknown",region="us"} 1',
  );
});

test('a short id is not told whole either', () => {
  const { decisions, lines } = recorder();
  decisions.record({ ...DECISION, room: 'standup', jti: 'x' });
  expect(lines).toMatchObject([['info', { decision: { room: 'sta…', jti: '…' } }, 'decision']]);
});

test('a region that the policy does not define is no label of a metric', async () => {
  const { decisions, metrics } = recorder();
  for (let i = 0; i < 50; i++) decisions.record({ ...DECISION, home: `made-up-${i}` });
  decisions.record({ ...DECISION, home: null });
  const text = await metrics.metrics();
  expect(text).not.toContain('made-up');
  expect(text).toContain('region="none"} 51');
});

test('what media asks all the time, and may, is logged at debug; what it may not, at info', () => {
  const { decisions, lines } = recorder();
  decisions.record({ ...DECISION, step: 'consume', kind: 'admit', code: 'admitted' });
  decisions.record({ ...DECISION, step: 'consume' });
  decisions.record({ ...DECISION, step: 'join', kind: 'admit', code: 'admitted' });
  expect(lines.map(([level]) => level)).toEqual(['debug', 'info', 'info']);
});

test('what media is allowed is counted, and no record made of it, where nobody reads level debug', async () => {
  const { decisions, lines, metrics } = recorder(false);
  decisions.record({ ...DECISION, step: 'consume', kind: 'admit', code: 'admitted' });
  expect(lines).toEqual([]);
  expect(await metrics.metrics()).toContain('step="consume",kind="admit",code="admitted",region="us"} 1');
  decisions.record({ ...DECISION, step: 'consume' });
  expect(lines).toHaveLength(1);
});
