import { expect, it } from 'vitest';
import { FakeClock } from '../rooms/testing/fake-clock.ts';
import { Figures } from './figures.ts';

it('are asked for once a second, however often they are wanted, and again where that failed', async () => {
  const clock = new FakeClock();
  const figures = new Figures(clock);
  const asked: { resolve(stats: Record<string, unknown>[]): void; reject(error: Error): void }[] = [];
  const media = {
    getStats: () =>
      new Promise<Record<string, unknown>[]>((resolve, reject) => void asked.push({ resolve, reject })),
  };
  const answers = [figures.of(media), figures.of(media)];
  asked[0]?.resolve([{ of: 'transport' }]);
  expect(await Promise.all(answers)).toEqual([[{ of: 'transport' }], [{ of: 'transport' }]]);
  await clock.advance(999);
  void figures.of(media);
  expect(asked).toHaveLength(1);
  await clock.advance(1);
  const failing = figures.of(media);
  expect(asked).toHaveLength(2);
  asked[1]?.reject(new Error('the worker died'));
  await expect(failing).rejects.toThrow('the worker died');
  void figures.of(media);
  expect(asked).toHaveLength(3);
  // Another seat, another peer.
  void figures.of({ getStats: async () => [] });
  void figures.of(media);
  expect(asked).toHaveLength(4);
});
