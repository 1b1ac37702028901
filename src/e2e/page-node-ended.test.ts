import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { waitFor } from '../testing/wait.ts';
import { joinMeeting, launchBrowser, seesAndHears, type Window } from './harness/browser.ts';
import { ClusterHome, httpOf, type UpCluster } from './harness/local-cluster.ts';

/** The node that served the page ends without a word: the page has nobody left but those whom its list named. */
let home: ClusterHome;
let cluster: UpCluster;
let browser: Browser;
let windows: Window[] = [];

beforeAll(async () => {
  home = new ClusterHome();
  cluster = await home.up([], 300_000);
  browser = await launchBrowser();
}, 150_000);
afterAll(async () => {
  await Promise.all(windows.map((window) => window.close()));
  await browser?.close();
  cluster?.running.child.kill('SIGTERM');
  await cluster?.running.ended;
  home.remove();
});

/** Hosts that a page turns to, by HTTP and WebSocket. */
function hostsAsked(page: Page): Set<string> {
  const asked = new Set<string>();
  page.on('request', (request) => asked.add(new URL(request.url()).host));
  page.on('websocket', (socket) => asked.add(new URL(socket.url()).host));
  return asked;
}

const seatOf = ({ page }: Window) => page.getByTestId('server-badge').textContent();

it('people of eu go on, and come back, where they may be; nobody else is asked', async () => {
  const room = 'standup';
  const first = await joinMeeting(browser, httpOf(cluster.node('fra')), {
    room: `${room}#token=${await cluster.token({ room, region: 'eu' })}`,
    name: 'Ann',
  });
  windows = [first];
  const second = await joinMeeting(browser, httpOf(cluster.node('fra')), {
    room: `${room}#token=${await cluster.token({ room, region: 'eu' })}`,
    name: 'Bob',
  });
  windows = [first, second];
  for (const window of windows) expect(await seatOf(window)).toMatch(/fra/);
  const asked = windows.map(({ page }) => hostsAsked(page));
  process.kill(cluster.node('fra').pid, 'SIGKILL');
  await waitFor(
    'seats at ams',
    async () => (await Promise.all(windows.map(seatOf))).every((text) => text?.includes('ams') === true),
    60_000,
    250,
  );
  for (const window of windows) await seesAndHears(window, 'vp8');

  await first.page.getByTestId('leave').click();
  await first.page.getByTestId('again').click();
  await first.page.getByTestId('meeting').waitFor({ timeout: 20_000 });
  expect(await seatOf(first)).toMatch(/ams/);

  const allowed = ['fra', 'ams', 'iad', 'sjc', 'hkg'].map((name) => new URL(cluster.node(name).url).host);
  for (const hosts of asked) {
    expect(hosts).toContain(new URL(cluster.node('ams').url).host);
    expect(allowed).toEqual(expect.arrayContaining([...hosts]));
  }
}, 180_000);
