import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Browser, Page } from 'playwright-core';
import { chromium } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { launchBrowser } from '../e2e/harness/browser.ts';
import { plainRefusal } from '../signaling/http-response.ts';
import { ensurePageBundle, type PageBundle } from './bundle.ts';
import type { DevTokenRequest } from './page-config.ts';
import { DEVELOPMENT, type PageServer, servePage } from './testing/page-server.ts';

/** The page in a real browser, without a node: what stands between a person and the door. */
let browser: Browser;
let bundle: PageBundle;
let server: PageServer;
let asked: DevTokenRequest[] = [];
/** What the page must never cause: errors, and violations of its own security policy. */
let complaints: string[] = [];

const claims = { room: 'stand-up', name: 'Ada', role: 'host', cloud: 'commercial', exp: 4_000_000_000 };
const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const TOKEN = `${part({ alg: 'EdDSA' })}.${part(claims)}.c2ln`;

/** Answers for the node: the directory refuses everybody, by the policy. */
function refuseAll(request: IncomingMessage, response: ServerResponse): void {
  const refusal = { ...plainRefusal('region_refused'), rule: 'routes', policy: 'sha256:0123456789abcdef' };
  const body = request.url === '/v1/keys' ? { cloud: 'commercial', keys: [] } : refusal;
  response.writeHead(request.url === '/v1/keys' ? 200 : 403, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

beforeAll(async () => {
  [browser, bundle] = await Promise.all([launchBrowser(), ensurePageBundle()]);
}, 60_000);
afterAll(() => browser.close());
beforeEach(async () => {
  asked = [];
  complaints = [];
  server = await servePage(
    {
      bundle,
      issueDevToken: async (request) => {
        asked.push(request);
        return TOKEN;
      },
    },
    refuseAll,
  );
});
afterEach(() => server.close());

async function open(
  path: string,
  options: { width?: number; height?: number; by?: Browser } = {},
): Promise<Page> {
  const { width = 1280, height = 800, by = browser } = options;
  const context = await by.newContext({ viewport: { width, height } });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (/content security policy|trusted ?types/i.test(message.text())) complaints.push(message.text());
  });
  await page.goto(server.url + path);
  return page;
}

const close = (page: Page) => page.context().close();
const attribute = (page: Page, testid: string, name: string) => page.getByTestId(testid).getAttribute(name);

describe('the lobby', () => {
  it('shows the own camera and the level of the microphone, under its security policy', async () => {
    const page = await open('/r/stand-up');
    const seen = () =>
      page.getByTestId('preview-video').evaluate((video: HTMLVideoElement) => video.videoWidth);
    await expect.poll(seen, { timeout: 15_000 }).toBeGreaterThan(0);
    const heard = async () => Number(await attribute(page, 'mic-level', 'aria-valuenow'));
    await expect.poll(heard, { timeout: 15_000, interval: 50 }).toBeGreaterThan(0);
    expect(await page.getByTestId('room').inputValue()).toBe('stand-up');
    expect(await page.getByTestId('select-camera').locator('option').count()).toBeGreaterThan(0);
    expect(complaints).toEqual([]);
    await close(page);
  });

  it('switches devices off and on, by press and by key, and remembers it', async () => {
    const page = await open('/');
    await page.getByTestId('preview-video').waitFor();
    await page.getByTestId('lobby-camera').click();
    await page.getByText('The camera is off').waitFor();
    await page.keyboard.press('v');
    await page.getByTestId('preview-video').waitFor();
    expect(await attribute(page, 'lobby-mic', 'aria-pressed')).toBe('true');
    await page.getByTestId('lobby-mic').click();
    expect(await attribute(page, 'lobby-mic', 'aria-pressed')).toBe('false');
    await page.reload();
    await page.getByTestId('preview-video').waitFor();
    expect(await attribute(page, 'lobby-mic', 'aria-pressed')).toBe('false');
    await close(page);
  });

  it('asks for a name and a room that can be one, and types m as a letter', async () => {
    const page = await open('/');
    await page.getByTestId('join').click();
    expect(await page.getByTestId('form-error').textContent()).toContain('name');
    await page.getByTestId('name').pressSequentially('Tim m');
    expect(await attribute(page, 'lobby-mic', 'aria-pressed')).toBe('true');
    await page.getByTestId('room').fill('<script>');
    await page.getByTestId('join').click();
    expect(await page.getByTestId('form-error').textContent()).toContain('letters');
    expect(asked).toEqual([]);
    await close(page);
  });

  it.each([
    { width: 360, height: 640 },
    { width: 390, height: 844 },
    { width: 844, height: 390 },
    { width: 1920, height: 1080 },
  ])('fits $width × $height without scrolling sideways', async ({ width, height }) => {
    const page = await open('/', { width, height });
    await page.getByTestId('join').waitFor();
    expect(
      await page.evaluate('document.documentElement.scrollWidth - window.innerWidth'),
    ).toBeLessThanOrEqual(0);
    await page.getByTestId('join').scrollIntoViewIfNeeded();
    await close(page);
  });

  it('says what to do when there is no device', async () => {
    const bare = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-dev-shm-usage'],
    });
    try {
      const page = await open('/', { by: bare });
      const problems = page.getByTestId('media-problem');
      await problems.first().waitFor();
      expect(await problems.first().getAttribute('data-code')).toMatch(/^(missing|denied)$/);
      expect(await page.getByTestId('join').isEnabled()).toBe(true);
    } finally {
      await bare.close();
    }
  });
});

describe('the way in', () => {
  it('asks for a token as chosen, and shows a refusal with its code, rule and policy', async () => {
    const page = await open('/r/stand-up');
    await page.getByTestId('name').fill('Ada');
    await page.getByTestId('region').selectOption('cn');
    await page.getByTestId('host').check();
    await page.getByTestId('join').click();
    await page.getByTestId('end-screen').waitFor();
    expect(asked).toEqual([{ room: 'stand-up', name: 'Ada', role: 'host', region: 'cn' }]);
    expect(await attribute(page, 'end-screen', 'data-code')).toBe('region_refused');
    expect(await page.getByTestId('end-rule').textContent()).toBe('routes');
    expect(await page.getByTestId('end-policy').textContent()).toBe('01234567');
    expect(await page.getByTestId('end-message').textContent()).toContain('No datacenter of the policy');
    await page.getByTestId('again').click();
    await page.getByTestId('end-screen').waitFor();
    await page.getByTestId('to-lobby').click();
    expect(await page.getByTestId('room').inputValue()).toBe('stand-up');
    expect(complaints).toEqual([]);
    await close(page);
  });

  it('says so when the node is gone', async () => {
    const page = await open('/');
    await page.getByTestId('name').fill('Ada');
    await server.close();
    await page.getByTestId('join').click();
    await page.getByTestId('end-screen').waitFor();
    expect(await attribute(page, 'end-screen', 'data-code')).toBe('directory_unreachable');
    await close(page);
    server = await servePage({ bundle });
  });
});

describe('in production', () => {
  beforeEach(async () => {
    await server.close();
    const config = { ...DEVELOPMENT, development: false, regions: [] };
    server = await servePage({ bundle, config: () => config }, refuseAll);
  });

  it('needs a join link, and says so', async () => {
    const page = await open('/r/stand-up');
    await page.getByTestId('end-screen').waitFor();
    expect(await attribute(page, 'end-screen', 'data-code')).toBe('token_missing');
    expect(await page.getByTestId('again').count()).toBe(0);
    await close(page);
  });

  it('takes room and name from the link, and the token out of the address; a reload keeps it', async () => {
    const page = await open(`/#token=${TOKEN}`);
    for (const step of ['opened', 'reloaded']) {
      await page.getByTestId('lobby').waitFor();
      expect(page.url(), step).not.toContain('token');
      expect(await page.getByTestId('room').inputValue()).toBe('stand-up');
      expect(await attribute(page, 'room', 'readonly')).toBe('');
      expect(await page.getByTestId('name').inputValue()).toBe('Ada');
      expect(await page.getByTestId('development').count()).toBe(0);
      await page.reload();
    }
    await close(page);
  });
});
