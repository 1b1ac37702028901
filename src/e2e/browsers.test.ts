import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../testing/free-port.ts';
import { waitFor } from '../testing/wait.ts';
import { joinMeeting, launchBrowser, seesAndHears, type Window } from './harness/browser.ts';
import { startNode, type TestNode } from './harness/node.ts';
import { localPolicy } from './harness/policies.ts';
import { workersOf } from './harness/processes.ts';

/** The product's main job: two Chromium windows with fake devices, a real node, a real worker. */
let node: TestNode;
let browser: Browser;
const windows: Window[] = [];

beforeAll(async () => {
  const port = await freePort();
  const policy = localPolicy('policy.yaml', { local: `ws://127.0.0.1:${port}` });
  node = await startNode({ port, policy, withPage: true });
  browser = await launchBrowser();
}, 120_000);
afterEach(async () => {
  await Promise.all(windows.splice(0).map((window) => window.close()));
});
afterAll(async () => {
  await browser?.close();
  await node?.close();
});

async function join(options: Parameters<typeof joinMeeting>[2]): Promise<Window> {
  const window = await joinMeeting(browser, node.url, options);
  windows.push(window);
  return window;
}

describe('two windows in a call', () => {
  it.each(['vp8', 'vp9', 'h264'])(
    'see and hear each other, both ways (%s)',
    async (codec) => {
      const room = `call-${codec}`;
      const ann = await join({ room, name: 'Ann', codec });
      const bob = await join({ room, name: 'Bob', codec });
      await seesAndHears(ann, codec);
      await seesAndHears(bob, codec);
      const { srtpCiphers } = await bob.received();
      expect(srtpCiphers).toContain('SRTP_AEAD_AES_256_GCM');
      expect(await bob.page.getByTestId('server-badge').textContent()).toContain('local');
    },
    120_000,
  );

  it('switches simulcast layers with the size of the picture', async () => {
    await join({ room: 'layers', name: 'Ann', codec: 'vp8' });
    const bob = await join({ room: 'layers', name: 'Bob', codec: 'vp8' });
    await seesAndHears(bob, 'vp8');
    const height = async () => Math.max(0, ...(await bob.received()).heights);
    const resize = (width: number, high: number) => bob.page.setViewportSize({ width, height: high });
    // So small that the lowest layer is enough: no machine is too busy to send that one, nor the one above.
    await resize(260, 240);
    const small = await waitFor(
      'the lowest layer',
      async () => (await height()) <= 180 && height(),
      40_000,
      250,
    );
    await resize(1280, 800);
    await waitFor('a larger layer', async () => (await height()) > small, 40_000, 250);
    await resize(260, 240);
    await waitFor('the smaller layer again', async () => (await height()) <= small, 40_000, 250);
  }, 180_000);

  it('shares a screen', async () => {
    const ann = await join({ room: 'screen', name: 'Ann' });
    const bob = await join({ room: 'screen', name: 'Bob' });
    await ann.page.getByTestId('toggle-screen').click();
    const screen = bob.page.locator('video[data-source="screen"]');
    await screen.waitFor({ timeout: 30_000, state: 'attached' });
    await waitFor(
      'frames of the screen',
      async () =>
        Number(await screen.evaluate((video) => ('videoWidth' in video ? video.videoWidth : 0))) > 0,
      30_000,
      250,
    );
  }, 90_000);

  it('has media back on another worker after the worker was killed', async () => {
    const ann = await join({ room: 'killed', name: 'Ann' });
    const bob = await join({ room: 'killed', name: 'Bob' });
    await seesAndHears(ann, 'vp8');
    await seesAndHears(bob, 'vp8');
    const pids = workersOf(process.pid);
    expect(pids).toHaveLength(1);
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    await waitFor('another worker', () => {
      const now = workersOf(process.pid);
      return now.length === 1 && now[0] !== pids[0];
    });
    await seesAndHears(ann, 'vp8');
    await seesAndHears(bob, 'vp8');
  }, 120_000);

  it('chats, and leaves', async () => {
    const ann = await join({ room: 'chat', name: 'Ann' });
    const bob = await join({ room: 'chat', name: 'Bob' });
    await ann.page.getByTestId('toggle-chat').click();
    await ann.page.getByTestId('chat-input').fill('<b>hello</b>');
    await ann.page.getByTestId('chat-send').click();
    await bob.page.getByTestId('toggle-chat').click();
    await bob.page.getByTestId('chat-text').waitFor({ timeout: 10_000 });
    expect(await bob.page.getByTestId('chat-text').textContent()).toBe('<b>hello</b>');
    await bob.page.getByTestId('leave').click();
    await bob.page.getByTestId('end-screen').waitFor({ timeout: 10_000 });
    await ann.page.getByTestId('alone').waitFor({ timeout: 15_000 });
  }, 90_000);
});
