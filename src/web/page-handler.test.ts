import { request as httpRequest } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PageBundle } from './bundle.ts';
import { DEVELOPMENT, type PageServer, servePage } from './testing/page-server.ts';

const SCRIPT = '/assets/main-0123456789abcdef.js';
const bundle: PageBundle = {
  html: Buffer.from('<!doctype html><title>Watershed</title>'),
  assets: new Map([[SCRIPT, { type: 'text/javascript', body: Buffer.from('// '.repeat(2000)) }]]),
  stamp: 'x',
  built: false,
};

interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

let server: PageServer;
let sources: string[] = [];
beforeEach(async () => {
  sources = ['wss://sjc.example.net', 'https://sjc.example.net'];
  server = await servePage({ bundle, connectSources: () => sources });
});
afterEach(() => server.close());

/** Raw, so that nothing is decoded or added. */
function ask(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { host: '127.0.0.1', port: server.port, path, method, headers },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks),
          }),
        );
      },
    );
    request.on('error', reject);
    request.end();
  });
}

describe('the page', () => {
  it.each(['/', '/r/stand-up', '/r/'])('is at %s, to be asked for again each time', async (path) => {
    const { status, headers, body } = await ask(path);
    expect(status).toBe(200);
    expect(headers['content-type']).toContain('text/html');
    expect(headers['cache-control']).toBe('no-cache');
    expect(body.equals(bundle.html)).toBe(true);
  });

  it('allows no script and no style but its own, and no connection but to the policy’s datacenters', async () => {
    const policy = String((await ask('/')).headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self';");
    expect(policy).toContain("style-src 'self';");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('unsafe');
    expect(policy).toContain("connect-src 'self' wss://sjc.example.net https://sjc.example.net;");
  });

  it('follows the policy, and lets nothing of it end the directive', async () => {
    const good = ['wss://fra.example.net', 'wss://fra.example.net:*', 'https://*.fra.example.net:*'];
    sources = [...good, "wss://x; script-src 'unsafe-inline'", '*', 'wss://*', 'wss://*.*', 'javascript:x'];
    const policy = String((await ask('/')).headers['content-security-policy']);
    expect(policy).toContain(`connect-src 'self' ${good.join(' ')};`);
    expect(policy).not.toContain('unsafe');
  });

  it('keeps others from framing, sniffing and learning of it', async () => {
    const { headers } = await ask('/');
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'x-frame-options': 'DENY',
      'cross-origin-opener-policy': 'same-origin',
    });
  });
});

describe('its files', () => {
  it('may be kept for ever', async () => {
    const { headers } = await ask(SCRIPT);
    expect(headers['cache-control']).toBe('public, max-age=31536000, immutable');
  });

  it('are compressed for who can read that, under another strong ETag', async () => {
    const plain = await ask(SCRIPT);
    const zipped = await ask(SCRIPT, { 'accept-encoding': 'br, gzip;q=0.8' });
    expect(zipped.headers['content-encoding']).toBe('gzip');
    expect(gunzipSync(zipped.body).equals(plain.body)).toBe(true);
    expect(zipped.headers.etag).not.toBe(plain.headers.etag);
    expect(zipped.headers.vary).toBe('accept-encoding');
    expect(
      (await ask(SCRIPT, { 'accept-encoding': 'gzip;q=0' })).headers['content-encoding'],
    ).toBeUndefined();
  });

  it.each(['/', SCRIPT, '/config.json'])('%s is not sent again to who has it', async (path) => {
    const { headers } = await ask(path);
    const etag = String(headers.etag);
    expect(etag).toMatch(/^"[^"]+"$/);
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const again = await ask(path, { 'if-none-match': known });
      expect(again.status).toBe(304);
      expect(again.body).toHaveLength(0);
    }
    expect((await ask(path, { 'if-none-match': '"other"' })).status).toBe(200);
  });

  it('answers HEAD without a body, and nothing but GET and HEAD', async () => {
    const head = await ask(SCRIPT, {}, 'HEAD');
    expect(head.body).toHaveLength(0);
    expect(head.headers['content-length']).toBe('6000');
    expect((await ask('/', {}, 'POST')).status).toBe(405);
  });

  it.each(['/assets/', '/assets/main.js', '/assets/..%2fbundle.ts', '/r', '/favicon.ico', '/dev/token'])(
    '%s is left to the node',
    async (path) => {
      expect((await ask(path)).status).toBe(404);
    },
  );
});

describe('the configuration', () => {
  it('is what the node says at the moment', async () => {
    expect(JSON.parse((await ask('/config.json')).body.toString())).toEqual(DEVELOPMENT);
  });
});
