import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Defects } from './defects.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function setUp(rejudge: () => Promise<void>) {
  const metrics = new Registry();
  const logged: { fields: object; message: string }[] = [];
  const defects = new Defects({
    logger: { fatal: (fields, message) => logged.push({ fields, message }) },
    metrics,
    rejudge,
  });
  return { defects, metrics, logged };
}

it('is told with its stack, counted and shown', async () => {
  const { defects, metrics, logged } = setUp(async () => {});
  expect(defects.problem()).toBe(null);
  expect(await metrics.metrics()).toContain('watershed_defects_total{kind="exception"} 0');
  defects.happened('rejection', new Error('left alone'));
  defects.happened('rejection', 'a mere word');
  expect(logged.map(({ fields }) => fields)).toMatchObject([
    { kind: 'rejection', err: { message: 'left alone', stack: expect.stringContaining('defects.test.ts') } },
    { kind: 'rejection', err: { message: 'no error was thrown, but: a mere word' } },
  ]);
  expect(await metrics.metrics()).toContain('watershed_defects_total{kind="rejection"} 2');
  expect(defects.problem()).toBe('2 unexpected failures since the start: see the log');
  defects.close();
});

it('has everyone judged again: at once, and of many in a second once more', async () => {
  let judged = 0;
  const { defects } = setUp(async () => {
    judged += 1;
  });
  for (let n = 0; n < 100; n += 1) {
    defects.happened('rejection', new Error('again'));
    await vi.advanceTimersByTimeAsync(9);
    expect(judged).toBe(1);
  }
  await vi.advanceTimersByTimeAsync(200);
  expect(judged).toBe(2);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(judged).toBe(2);
  defects.happened('rejection', new Error('after the end'));
  defects.close();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(judged).toBe(2);
});

it('a judgement that fails is told, and the next defect asks for another', async () => {
  let judged = 0;
  const { defects, logged } = setUp(async () => {
    judged += 1;
    throw new Error('no');
  });
  defects.happened('rejection', new Error('one'));
  await vi.advanceTimersByTimeAsync(2000);
  defects.happened('exception', new Error('two'));
  await vi.advanceTimersByTimeAsync(2000);
  expect(judged).toBe(2);
  expect(logged.map(({ message }) => message)).toEqual([
    'a defect: everyone is judged again',
    'not everyone could be judged again',
    'a defect: everyone is judged again',
    'not everyone could be judged again',
  ]);
});
