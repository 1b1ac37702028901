import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { launchBrowser } from '../e2e/harness/browser.ts';
import { startNode, type TestNode } from '../e2e/harness/node.ts';
import { localPolicy } from '../e2e/harness/policies.ts';
import { freePort } from '../testing/free-port.ts';

// Two pages with cameras on a busy machine; each wait within is bounded by itself.
vi.setConfig({ testTimeout: 90_000 });

/** The meeting as people use it, against a real node: what the end-to-end tests of media do not look at. */
let node: TestNode;
let browser: Browser;
const pages: Page[] = [];

beforeAll(async () => {
  const port = await freePort();
  const policy = localPolicy('policy.yaml', { local: `ws://127.0.0.1:${port}` });
  node = await startNode({ port, policy, withPage: true, yaml: 'rooms: { waitingRoom: true }' });
  browser = await launchBrowser();
}, 120_000);
afterEach(async () => {
  await Promise.all(pages.splice(0).map((page) => page.context().close()));
});
afterAll(async () => {
  await browser?.close();
  await node?.close();
});

async function knock(room: string, name: string, host = false): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  pages.push(page);
  page.setDefaultTimeout(20_000);
  await page.goto(`${node.url}/r/${room}`);
  await page.getByTestId('name').fill(name);
  if (host) await page.getByTestId('host').check();
  await page.getByTestId('join').click();
  return page;
}

/** A host, and a guest whom they let in. */
async function meet(room: string, guestName = 'Gus'): Promise<{ host: Page; guest: Page }> {
  const host = await knock(room, 'Hanna', true);
  await host.getByTestId('meeting').waitFor();
  const guest = await knock(room, guestName);
  await host.getByRole('button', { name: 'Admit' }).first().click();
  await guest.getByTestId('meeting').waitFor();
  await host.locator('[data-testid=tile][data-self=false]').waitFor();
  return { host, guest };
}

const pressed = (page: Page, testid: string) => page.getByTestId(testid).getAttribute('aria-pressed');
const codeOf = async (page: Page) => {
  await page.getByTestId('end-screen').waitFor();
  return page.getByTestId('end-screen').getAttribute('data-code');
};

describe('a host', () => {
  it('lets in who waits, or does not', async () => {
    const host = await knock('waiting', 'Hanna', true);
    await host.getByTestId('meeting').waitFor();
    const [ann, bob] = [await knock('waiting', 'Ann'), await knock('waiting', 'Bob')];
    await ann.getByText('Waiting to be let in').waitFor();
    await bob.getByText('Waiting to be let in').waitFor();
    await host.keyboard.press('p');
    const of = (name: string) => host.getByTestId('waiting-peer').filter({ hasText: name });
    await of('Ann').getByTestId('admit-peer').click();
    await of('Bob').getByTestId('deny-peer').click();
    await ann.getByTestId('meeting').waitFor();
    expect(await codeOf(bob)).toBe('waiting_denied');
    await expect.poll(() => host.getByTestId('waiting-peer').count()).toBe(0);
  });

  it('mutes somebody, who can unmute themselves; everybody sees it', async () => {
    const { host, guest } = await meet('muting');
    const marked = () =>
      host.locator('[data-testid=tile][data-self=false]').getByTestId('tile-muted').isVisible();
    await expect.poll(marked, { timeout: 15_000 }).toBe(false);
    await host.keyboard.press('p');
    await host.getByTestId('mute-peer').click();
    await guest.getByText('The host muted you').waitFor();
    expect(await pressed(guest, 'toggle-mic')).toBe('true');
    await expect.poll(marked, { timeout: 15_000 }).toBe(true);
    await guest.keyboard.press('m');
    await expect.poll(marked, { timeout: 15_000 }).toBe(false);
  });

  it('locks, removes, and ends for everybody', async () => {
    const { host, guest } = await meet('ending');
    await host.keyboard.press('p');
    await host.getByTestId('lock-room').click();
    await guest.getByTestId('room-locked').waitFor();
    expect(await codeOf(await knock('ending', 'Late'))).toBe('room_locked');
    await host.getByTestId('lock-room').click();
    await guest.getByTestId('room-locked').waitFor({ state: 'hidden' });
    await host.getByTestId('remove-peer').click();
    await host.getByTestId('confirm-yes').click();
    expect(await codeOf(guest)).toBe('removed');
    await host.getByTestId('end-room').click();
    await host.getByTestId('confirm-yes').click();
    expect(await codeOf(host)).toBe('room_ended');
  });
});

describe('anybody', () => {
  it('is shown as text, whatever their name is', async () => {
    const name = '<img src=x onerror=alert(1)>';
    const { host } = await meet('markup', name);
    await host.keyboard.press('p');
    const shown = host.getByTestId('people-list').getByText(name);
    await shown.waitFor();
    expect(await host.locator('img').count()).toBe(0);
  });

  it('sees where the call is served, how it was found and how well it goes', async () => {
    const { host } = await meet('badge');
    expect(await host.getByTestId('serving-datacenter').textContent()).toBe('local');
    expect(await host.getByTestId('serving-region').textContent()).toBe('local');
    expect(await host.getByTestId('serving-policy').textContent()).toMatch(/^[0-9a-f]{8}$/);
    await host.getByTestId('server-badge').click();
    const attempt = host.getByTestId('server-details').getByTestId('attempt');
    expect(await attempt.getAttribute('data-outcome')).toBe('admitted');
    const receiving = () => host.getByTestId('stat-down').textContent();
    await expect.poll(receiving, { timeout: 15_000 }).toMatch(/^[1-9]\d*(\.\d)? [kM]bit\/s$/);
    await host.keyboard.press('Escape');
    expect(await host.getByTestId('server-details').isVisible()).toBe(false);
  });

  it('is told of messages while the chat is closed, and reads them in it', async () => {
    const { host, guest } = await meet('chat');
    await guest.keyboard.press('c');
    await guest.getByTestId('chat-input').fill('see https://example.net/ and m, v, c');
    await guest.keyboard.press('Enter');
    const unread = host.getByTestId('toggle-chat').locator('.badge');
    await expect.poll(() => unread.textContent(), { timeout: 15_000 }).toBe('1');
    await host.keyboard.press('c');
    expect(await host.getByTestId('chat-text').locator('a').getAttribute('href')).toBe(
      'https://example.net/',
    );
    expect(await unread.isVisible()).toBe(false);
    // What was typed was no shortcut.
    expect(await pressed(guest, 'toggle-camera')).toBe('false');
  });

  it('turns the camera off and on again', async () => {
    const { host, guest } = await meet('camera');
    const picture = host.locator('[data-testid=tile][data-self=false] video');
    const width = () => picture.evaluate((video: HTMLVideoElement) => (video.hidden ? 0 : video.videoWidth));
    await expect.poll(width, { timeout: 20_000 }).toBeGreaterThan(0);
    await guest.keyboard.press('v');
    await expect.poll(width, { timeout: 15_000 }).toBe(0);
    await guest.keyboard.press('v');
    await expect.poll(width, { timeout: 20_000 }).toBeGreaterThan(0);
  });
});
