import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { joinMeeting, launchBrowser, type Window } from '../../src/e2e/harness/browser.ts';
import type { TestNode } from '../../src/e2e/harness/node.ts';
import { waitFor } from '../../src/testing/wait.ts';
import { recordedCodecs } from '../recordings/recording.ts';
import { startLocalNode } from '../testing/local-node.ts';
import type { MediaEngine } from './engine.ts';
import { javascriptEngine } from './javascript-engine.ts';
import { Member } from './member.ts';
import type { News } from './messages.ts';
import { nativeEngine } from './native-engine.ts';

// What synthetic participants send is put to a real browser, through a real node.
let browser: Browser;
let node: TestNode;
let window: Window | undefined;
let engine: MediaEngine | undefined;
const members: Member[] = [];

beforeAll(async () => {
  browser = await launchBrowser();
  node = await startLocalNode({ withPage: true });
}, 120_000);
afterEach(async () => {
  await window?.close();
  await Promise.all(members.splice(0).map((member) => member.leave()));
  await engine?.close();
});
afterAll(async () => {
  await node.close();
  await browser.close();
});

const ENGINES = {
  native: () => nativeEngine(() => undefined),
  javascript: async () => javascriptEngine(),
};

describe.each(['native', 'javascript'] as const)('of the %s engine, a browser decodes', (name) => {
  test('VP8, and the recordings of VP9, AV1 and H.264', async () => {
    engine = await ENGINES[name]();
    const room = `codecs-${name}`;
    const news: News[] = [];
    const codecs = ['vp8', ...recordedCodecs] as const;
    for (const [n, codec] of codecs.entries()) {
      const member = new Member(
        {
          n,
          region: 'local',
          token: await node.token({ room }),
          frontDoors: [node.url],
          publish: [{ source: 'camera', codec, bitrate: 500_000 }],
          subscribe: 'none',
          talks: 1,
          seed: 1,
        },
        { engine, tell: (one) => void news.push(one) },
      );
      members.push(member);
      await member.join();
    }
    expect(news.filter(({ type }) => type === 'failed')).toEqual([]);
    window = await joinMeeting(browser, node.url, { room, name: 'Ada' });
    const { page } = window;
    // More than two loops of a recording.
    await waitFor(
      'frames of each codec',
      async () => {
        const frames = decodedSchema.parse(JSON.parse(await page.evaluate(DECODED)));
        return codecs.every((codec) => (frames[codec] ?? 0) > 60);
      },
      30_000,
      250,
    );
  }, 60_000);
});

const decodedSchema = z.record(z.string(), z.number());

/** Evaluated in the page: frames decoded, by codec. */
const DECODED = `(async () => {
  const frames = {};
  for (const pc of globalThis.__peerConnections) {
    if (pc.connectionState === 'closed') continue;
    const report = await pc.getStats();
    for (const stat of report.values()) {
      if (stat.type !== 'inbound-rtp' || stat.kind !== 'video') continue;
      const codec = report.get(stat.codecId)?.mimeType.split('/')[1].toLowerCase();
      frames[codec] = (frames[codec] ?? 0) + (stat.framesDecoded ?? 0);
    }
  }
  return JSON.stringify(frames);
})()`;
