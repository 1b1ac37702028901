import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { waitFor } from '../testing/wait.ts';
import { joinMeeting, launchBrowser, seesAndHears, type Window } from './harness/browser.ts';
import { startCloud, type TestCloud } from './harness/cloud.ts';

/** One node serves the page, another the meeting: other origins to a browser, which asks both whether it may. */
let cloud: TestCloud;
let browser: Browser;
let windows: Window[] = [];

beforeAll(async () => {
  cloud = await startCloud({ datacenters: ['sjc', 'fra', 'ams'], parts: { withPage: true } });
  browser = await launchBrowser();
}, 120_000);
afterAll(async () => {
  await Promise.all(windows.map((window) => window.close()));
  await browser?.close();
  await cloud?.close();
});

it("people of eu at a page of sjc's are seated in eu, and elsewhere in eu when that node ends", async () => {
  const join = async (name: string): Promise<Window> => {
    const token = await cloud.token('standup', 'eu');
    return joinMeeting(browser, cloud.at('sjc').url, { room: `standup#token=${token}`, name });
  };
  windows = [await join('Ann'), await join('Bob')];
  const seatOf = ({ page }: Window) => page.getByTestId('server-badge').textContent();
  for (const window of windows) await seesAndHears(window, 'vp8');
  const seats = await Promise.all(windows.map(seatOf));
  for (const text of seats) expect(text).toMatch(/fra|ams/);
  const [seat, other] = seats[0]?.includes('fra') ? ['fra', 'ams'] : ['ams', 'fra'];
  await cloud.stop(seat);
  await waitFor(
    `seats at ${other}`,
    async () => (await Promise.all(windows.map(seatOf))).every((text) => text?.includes(other) === true),
    60_000,
    250,
  );
  for (const window of windows) await seesAndHears(window, 'vp8');
}, 180_000);
