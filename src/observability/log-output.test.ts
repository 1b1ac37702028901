import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { logOutput } from './log-output.ts';
import { createLogger } from './logger.ts';

let dir: string;
const open: number[] = [];
const opened = (path: string, flags: string | number): number => {
  const descriptor = openSync(path, flags);
  open.push(descriptor);
  return descriptor;
};

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'watershed-log-'));
});

afterEach(() => {
  for (const descriptor of open.splice(0)) closeSync(descriptor);
  rmSync(dir, { recursive: true });
});

it('writes each line before it returns', () => {
  const file = join(dir, 'log');
  const output = logOutput(opened(file, 'w'));
  output.write('one\n');
  output.write('zwei – 2\n');
  expect(readFileSync(file, 'utf8')).toBe('one\nzwei – 2\n');
  expect(output.problem()).toBeNull();
});

it.each([false, true])('lets a node live that logs to a full disk (pretty: %s)', async (pretty) => {
  const stream = logOutput(opened('/dev/full', 'w'));
  const logger = await createLogger({ level: 'info', pretty, stream });
  for (let line = 0; line < 3; line++) logger.info({ line }, 'decision');
  expect(stream.problem()).toBe('the log cannot be written (ENOSPC)');
});

it('lets what is waiting follow, whole and in order, once its reader reads, and counts what was too much', async () => {
  const fifo = join(dir, 'fifo');
  execFileSync('mkfifo', [fifo]);
  const reader = opened(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  const output = logOutput(opened(fifo, constants.O_WRONLY | constants.O_NONBLOCK), 100_000);
  const lines = Array.from({ length: 400 }, (_, index) => `${index} ${'x'.repeat(1000)}\n`);
  for (const line of lines) output.write(line);
  expect(output.problem()).toBe('the log cannot be written (EAGAIN)');
  let text = '';
  const read = (): number => {
    const bytes = Buffer.alloc(65_536);
    try {
      const count = readSync(reader, bytes);
      text += bytes.toString('utf8', 0, count);
      return count;
    } catch {
      return 0;
    }
  };
  await expect
    .poll(() => read() === 0 && output.problem(), { interval: 50 })
    .toMatch(/^\d+ lines of the log were lost$/);
  const kept = text.split('\n').length - 1;
  expect(kept).toBeGreaterThan(100);
  expect(text).toBe(lines.slice(0, kept).join(''));
  expect(output.problem()).toBe(`${lines.length - kept} lines of the log were lost`);
  output.write('later\n');
  read();
  expect(text.endsWith('\nlater\n')).toBe(true);
});
