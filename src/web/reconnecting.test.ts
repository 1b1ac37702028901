import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { launchBrowser } from '../e2e/harness/browser.ts';
import { startNode, type TestNode } from '../e2e/harness/node.ts';
import { localPolicy } from '../e2e/harness/policies.ts';
import { freePort } from '../testing/free-port.ts';

let node: TestNode;
let browser: Browser;

beforeAll(async () => {
  const port = await freePort();
  const policy = localPolicy('policy.yaml', { local: `ws://127.0.0.1:${port}` });
  node = await startNode({ port, policy, withPage: true });
  browser = await launchBrowser();
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await node?.close();
});

it('a page whose node is gone says so, in full on a telephone, and does not call itself served', async () => {
  const width = 360;
  const page = await browser.newPage({ viewport: { width, height: 740 } });
  page.setDefaultTimeout(20_000);
  await page.goto(`${node.url}/r/gone`);
  await page.getByTestId('name').fill('Ann');
  await page.getByTestId('join').click();
  await page.getByTestId('meeting').waitFor();
  const badge = page.getByTestId('server-badge');
  expect(await badge.getAttribute('aria-label')).toMatch(/^Served by datacenter local/);
  await node.close();
  const banner = page.getByTestId('banner');
  await banner.getByText('The server is gone').waitFor();
  const box = await banner.boundingBox();
  expect(box?.x).toBeGreaterThanOrEqual(0);
  expect((box?.x ?? 0) + (box?.width ?? Infinity)).toBeLessThanOrEqual(width);
  expect(await badge.getAttribute('aria-label')).toMatch(/^Not connected, last served by datacenter local/);
  expect(await badge.locator('.dot').getAttribute('class')).toContain('away');
}, 90_000);
