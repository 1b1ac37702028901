import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../testing/free-port.ts';
import { joinMeeting, launchBrowser, seesAndHears, type Window } from './harness/browser.ts';
import { startNode, type TestNode } from './harness/node.ts';
import { localPolicy } from './harness/policies.ts';

/** What not every network and not every browser has: media over TCP, and AV1. */
let node: TestNode;
// Before any test is named: what this Chromium can do decides which tests there are.
const browser: Browser = await launchBrowser();
const av1 = await canSend('video/av1');
const windows: Window[] = [];

beforeAll(async () => {
  const port = await freePort();
  const policy = localPolicy('policy.yaml', { local: `ws://127.0.0.1:${port}` });
  const yaml = `media: { workers: 1, basePort: 0, listen: [{ ip: '127.0.0.1' }], udp: false, tcp: true }`;
  node = await startNode({ port, policy, yaml, withPage: true });
}, 120_000);
afterEach(async () => {
  await Promise.all(windows.splice(0).map((window) => window.close()));
});
afterAll(async () => {
  await browser.close();
  await node?.close();
});

async function call(room: string, codec: string): Promise<Window[]> {
  for (const name of ['Ann', 'Bob'])
    windows.push(await joinMeeting(browser, node.url, { room, name, codec }));
  return windows;
}

/** Whether this very Chromium says that it can encode a codec; a Debian build may leave one out. */
async function canSend(mimeType: string): Promise<boolean> {
  const page = await browser.newPage();
  try {
    return await page.evaluate(
      (wanted) =>
        (RTCRtpSender.getCapabilities('video')?.codecs ?? []).some(
          (codec) => codec.mimeType.toLowerCase() === wanted,
        ),
      mimeType,
    );
  } finally {
    await page.close();
  }
}

describe('two windows in a call', () => {
  it('see and hear each other over TCP where the node offers no UDP', async () => {
    for (const window of await call('tcp', 'vp8')) {
      await seesAndHears(window, 'vp8');
      expect(new Set((await window.received()).protocols)).toEqual(new Set(['tcp']));
    }
  }, 120_000);

  const name = av1
    ? 'see and hear each other in AV1'
    : 'AV1 left out: RTCRtpSender.getCapabilities of this Chromium has none';
  it.skipIf(!av1)(
    name,
    async () => {
      for (const window of await call('av1', 'av1')) await seesAndHears(window, 'av1');
    },
    120_000,
  );
});
