import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { TestNode } from '../../src/e2e/harness/node.ts';
import { waitFor } from '../../src/testing/wait.ts';
import { startLocalNode } from '../testing/local-node.ts';
import { Crowd } from './crowd.ts';
import type { MediaEngine } from './engine.ts';
import type { MemberSpec, News } from './messages.ts';
import { nativeEngine } from './native-engine.ts';

let node: TestNode;
let engine: MediaEngine;
let crowd: Crowd | undefined;
const news: News[] = [];

beforeAll(async () => {
  node = await startLocalNode();
  engine = await nativeEngine(() => undefined);
}, 120_000);
afterEach(() => crowd?.close());
afterAll(async () => {
  await engine.close();
  await node.close();
});

async function person(n: number, more: Pick<MemberSpec, 'publish' | 'subscribe'>): Promise<MemberSpec> {
  const token = await node.token({ room: 'screen' });
  return { n, region: 'local', token, frontDoors: [node.url], talks: 1, seed: 1, ...more };
}

test('a screen reaches those who watch it, whether it was shared before they came or is by one who comes', async () => {
  crowd = new Crowd({ engine, tell: (one) => void news.push(one) });
  const screen = { source: 'screen', bitrate: 600_000, frameRate: 5, height: 720 } as const;
  await crowd.join(await person(0, { publish: ['microphone', screen], subscribe: 'all' }));
  await crowd.join(await person(1, { publish: [], subscribe: { layer: 0 } }));
  await crowd.join(await person(2, { publish: [screen], subscribe: 'all' }));
  expect(news.filter(({ type }) => type === 'failed')).toEqual([]);
  await crowd.read();
  // Three who are shown two screens, of which one is one's own for two of them: four streams.
  await waitFor(
    'four screens for a second',
    async () => {
      const reading = await crowd?.read();
      return (reading?.layers.screen ?? 0) * 8 > 3.5 * 600_000;
    },
    20_000,
    1_000,
  );
  const { meant } = await crowd.read();
  const screens = meant.filter(({ source }) => source === 'screen');
  expect(screens.map(({ n, streams }) => [n, streams])).toEqual([
    [0, 1],
    [1, 2],
    [2, 1],
  ]);
}, 60_000);
