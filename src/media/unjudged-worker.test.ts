import { type Logger, pino } from 'pino';
import { afterEach, expect, test, vi } from 'vitest';
import { startEngine, TestGate } from './testing/fixture.ts';
import type { MediaEngine } from './types.ts';

// What a worker without the patch answers; nothing else about it is needed here.
const { judges } = vi.hoisted(() => ({ judges: vi.fn(async () => false) }));
vi.mock(import('./judged-addresses.ts'), async (original) => ({
  ...(await original()),
  judgeAddresses: judges,
  canJudgeAddresses: judges,
}));

let engine: MediaEngine | undefined;
afterEach(async () => {
  await engine?.close();
  engine = undefined;
  judges.mockReset();
  judges.mockResolvedValue(false);
});

test('a worker that takes media from addresses nobody judged does not start', async () => {
  await expect(startEngine()).rejects.toMatchObject({
    code: 'worker_addresses_unjudged',
    message: expect.stringMatching(/npm run setup/),
  });
});

test('where it may, it says so in log and status, and people are served', async () => {
  const lines: string[] = [];
  const logger: Logger = pino({ level: 'warn' }, { write: (line) => void lines.push(line) });
  engine = await startEngine({ mayTakeUnjudged: true }, { logger });
  expect(engine.workers()).toMatchObject([{ state: 'running', judgesAddresses: false }]);
  expect(lines.join('')).toMatch(/worker_addresses_unjudged/);
  const room = await engine.openRoom('room', { lastN: null, gate: new TestGate() });
  await expect(room.addPeer('ann').createTransport('send')).resolves.toBeDefined();
});

test('a transport that does not judge is not handed out, whatever the worker said at its start', async () => {
  judges.mockResolvedValueOnce(true);
  engine = await startEngine();
  expect(engine.workers()).toMatchObject([{ judgesAddresses: true }]);
  const room = await engine.openRoom('room', { lastN: null, gate: new TestGate() });
  await expect(room.addPeer('ann').createTransport('send')).rejects.toMatchObject({
    cause: { code: 'worker_addresses_unjudged' },
  });
});
