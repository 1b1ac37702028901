import { request as httpRequest } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WatershedError } from '../protocol/errors.ts';
import type { PageBundle } from './bundle.ts';
import { DEV_TOKEN_PATH, type DevTokenRequest } from './page-config.ts';
import { type PageServer, servePage } from './testing/page-server.ts';

const bundle: PageBundle = { html: Buffer.from(''), assets: new Map(), stamp: '', built: false };
const GOOD = { room: 'stand-up', name: 'Ada', role: 'host', region: 'us' };

let server: PageServer;
let issued: DevTokenRequest[] = [];
beforeEach(async () => {
  issued = [];
  server = await servePage({
    bundle,
    issueDevToken: async (request) => {
      issued.push(request);
      if (request.room === 'forbidden') throw new WatershedError('region_unknown');
      if (request.room === 'broken') throw new Error('the secret reason');
      return `token-for-${request.room}`;
    },
  });
});
afterEach(() => server.close());

interface Sent {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

function ask(sent: Sent = {}): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        host: '127.0.0.1',
        port: server.port,
        path: DEV_TOKEN_PATH,
        method: sent.method ?? 'POST',
        headers: { 'content-type': 'application/json', host: `localhost:${server.port}`, ...sent.headers },
      },
      (response) => {
        let body = '';
        response.on('data', (chunk: Buffer) => {
          body += chunk.toString();
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      },
    );
    request.on('error', reject);
    request.end(sent.body ?? JSON.stringify(GOOD));
  });
}

describe('POST /dev/token', () => {
  it('gives a token for what was asked', async () => {
    expect(await ask()).toEqual({ status: 200, body: '{"token":"token-for-stand-up"}' });
    expect(issued).toEqual([GOOD]);
  });
  it('takes the page’s own origin', async () => {
    expect((await ask({ headers: { origin: `http://localhost:${server.port}` } })).status).toBe(200);
  });
  it.each<{ case: string; sent: Sent; status: number }>([
    { case: 'a page of another origin', sent: { headers: { origin: 'https://evil.example' } }, status: 403 },
    { case: 'an opaque origin', sent: { headers: { origin: 'null' } }, status: 403 },
    { case: 'a name that was pointed here', sent: { headers: { host: 'evil.example' } }, status: 403 },
    { case: 'a name like localhost', sent: { headers: { host: 'localhost.evil.example' } }, status: 403 },
    {
      case: 'a form, which needs no preflight',
      sent: { headers: { 'content-type': 'text/plain' } },
      status: 400,
    },
    { case: 'GET', sent: { method: 'GET', body: '' }, status: 405 },
    { case: 'no JSON', sent: { body: '{' }, status: 400 },
    { case: 'no room', sent: { body: '{"role":"host"}' }, status: 400 },
    { case: 'a room that is none', sent: { body: '{"role":"host","room":"../x"}' }, status: 400 },
    { case: 'an unknown role', sent: { body: '{"role":"root","room":"a"}' }, status: 400 },
    { case: 'an unknown field', sent: { body: JSON.stringify({ ...GOOD, cloud: 'x' }) }, status: 400 },
    { case: 'too much', sent: { body: JSON.stringify({ ...GOOD, name: 'x'.repeat(9000) }) }, status: 413 },
  ])('turns away $case: $status', async ({ sent, status }) => {
    expect((await ask(sent)).status).toBe(status);
    expect(issued).toEqual([]);
  });
  it('passes a refusal on, and the reason of a failure not', async () => {
    expect((await ask({ body: JSON.stringify({ ...GOOD, room: 'forbidden' }) })).status).toBe(403);
    const broken = await ask({ body: JSON.stringify({ ...GOOD, room: 'broken' }) });
    expect(broken.status).toBe(500);
    expect(broken.body).not.toContain('secret');
  });
  it('is bounded in rate', async () => {
    const statuses: number[] = [];
    for (let n = 0; n < 400 && !statuses.includes(429); n++) statuses.push((await ask()).status);
    expect(statuses).toContain(200);
    expect(statuses.at(-1)).toBe(429);
  });
});
