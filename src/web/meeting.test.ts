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
    // Nor does an older word offer to let them in.
    expect(await host.getByTestId('toasts').getByRole('button', { name: 'Admit' }).count()).toBe(0);
  });

  it('mutes somebody, who can unmute themselves; everybody sees it', async () => {
    const { host, guest } = await meet('muting');
    const marked = () =>
      host.locator('[data-testid=tile][data-self=false]').getByTestId('tile-muted').isVisible();
    await expect.poll(marked, { timeout: 15_000 }).toBe(false);
    await host.keyboard.press('p');
    await host.getByTestId('mute-peer').click();
    await guest.getByText('The host muted you').waitFor();
    expect(await pressed(guest, 'toggle-mic')).toBe('false');
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
    expect(await pressed(guest, 'toggle-camera')).toBe('true');
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

describe('with the keyboard alone', () => {
  const focused = (page: Page) =>
    page.evaluate(() => document.activeElement?.getAttribute('data-testid') ?? '');

  it('switches keep their names, and their state tells the rest', async () => {
    const host = await knock('names', 'Hanna', true);
    await host.getByTestId('meeting').waitFor();
    for (const testid of ['toggle-mic', 'toggle-camera']) {
      const name = () => host.getByTestId(testid).getAttribute('aria-label');
      const before = await name();
      const on = await pressed(host, testid);
      await host.getByTestId(testid).click();
      await expect.poll(() => pressed(host, testid)).toBe(on === 'true' ? 'false' : 'true');
      expect(await name()).toBe(before);
    }
  });

  it('single keys can be switched off, and stay off', async () => {
    const host = await knock('keys', 'Hanna', true);
    await host.getByTestId('meeting').waitFor();
    const microphone = host.getByTestId('toggle-mic');
    expect(await microphone.getAttribute('aria-keyshortcuts')).toBe('m');
    expect(await microphone.getAttribute('data-tooltip')).toBe('Turn your microphone off (M)');
    await microphone.click();
    expect(await microphone.getAttribute('data-tooltip')).toBe('Turn your microphone on (M)');
    await microphone.click();
    await host.keyboard.press('d');
    await host.getByTestId('settings').getByTestId('shortcuts').uncheck();
    await host.getByTestId('settings-done').click();
    await host.keyboard.press('p');
    await host.keyboard.press('m');
    expect(await host.getByTestId('people-panel').isVisible()).toBe(false);
    expect(await pressed(host, 'toggle-mic')).toBe('true');
    expect(await microphone.getAttribute('aria-keyshortcuts')).toBe(null);
    expect(await microphone.getAttribute('data-tooltip')).toBe('Turn your microphone off');

    await host.getByTestId('leave').click();
    await host.getByTestId('to-lobby').click();
    await host.getByTestId('lobby').waitFor();
    expect(await focused(host)).toBe('lobby-title');
    expect(await host.locator('h1').count()).toBe(1);
    await host.keyboard.press('m');
    expect(await pressed(host, 'lobby-mic')).toBe('true');
    await host.getByTestId('shortcuts').check();
    await host.getByTestId('lobby-title').focus();
    await host.keyboard.press('m');
    await expect.poll(() => pressed(host, 'lobby-mic')).toBe('false');
  });

  it('the people panel takes the focus and gives it back', async () => {
    const host = await knock('focus', 'Hanna', true);
    await host.getByTestId('meeting').waitFor();
    await host.getByTestId('toggle-people').focus();
    await host.keyboard.press('Enter');
    expect(await focused(host)).toBe('people-title');
    expect(await host.getByTestId('toggle-people').getAttribute('aria-expanded')).toBe('true');
    await host.keyboard.press('Escape');
    expect(await focused(host)).toBe('toggle-people');
    // From where nobody is, the button that opens it is the place to go back to.
    await host.locator(':focus').blur();
    await host.keyboard.press('p');
    await host.keyboard.press('p');
    expect(await focused(host)).toBe('toggle-people');
  });

  it('a host stays where they are among people who come, change and go', async () => {
    const { host, guest } = await meet('rows');
    await host.keyboard.press('p');
    const row = host.getByTestId('person').filter({ hasText: 'Gus' });
    const muted = () => row.getByTestId('mute-peer').getAttribute('aria-disabled');
    await expect.poll(muted, { timeout: 15_000 }).toBe(null);
    await row.getByTestId('mute-peer').focus();
    await host.keyboard.press('Enter');
    await expect.poll(muted, { timeout: 15_000 }).toBe('true');
    expect(await focused(host)).toBe('mute-peer');
    const [late, later] = [await knock('rows', 'Lea'), await knock('rows', 'Max')];
    await host.getByTestId('waiting-peer').nth(1).waitFor();
    expect(await focused(host)).toBe('mute-peer');

    const admit = host.getByTestId('waiting-peer').first().getByTestId('admit-peer');
    await admit.focus();
    await host.keyboard.press('Enter');
    await Promise.race([late.getByTestId('meeting').waitFor(), later.getByTestId('meeting').waitFor()]);
    // Not to the next in line: the same key once more would let them in, or not.
    await expect.poll(() => focused(host)).toBe('people-title');
    await row.getByTestId('remove-peer').focus();
    await guest.getByTestId('leave').click();
    await expect.poll(() => row.count(), { timeout: 15_000 }).toBe(0);
    expect(await focused(host)).toBe('people-title');
  });
});
