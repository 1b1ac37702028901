import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { FROM } from '../cluster/testing/door.ts';
import { directoryAnswerSchema, directoryKeysSchema } from '../protocol/directory.ts';
import { refusalSchema } from '../protocol/events.ts';
import {
  converse,
  type HttpNode,
  type HttpNodeOptions,
  openSocket,
  startHttpNode,
  upgrade,
  upgradeBytes,
} from './testing/http-node.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});
async function start(options: HttpNodeOptions = {}): Promise<HttpNode & { url: string }> {
  const node = await startHttpNode(options);
  cleanups.push(() => node.close());
  return { ...node, url: `http://127.0.0.1:${node.port}` };
}

describe('paths', () => {
  test('POST /v1/directory gives the signed list; its body and query are nothing to it', async () => {
    const node = await start();
    const token = await node.door.token({ region: 'us' });
    const response = await fetch(`${node.url}/v1/directory?region=cn`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify({ region: 'cn' }),
    });
    expect(response.status).toBe(200);
    expect(response.headers.get('cache-control')).toBe('no-store');
    const list = directoryAnswerSchema.parse(await response.json());
    expect(list.primaries.map((e) => e.datacenter)).toEqual(['sjc', 'iad']);
  });

  test('GET /v1/keys gives the public keys', async () => {
    const node = await start();
    const keys = directoryKeysSchema.parse(await (await fetch(`${node.url}/v1/keys`)).json());
    expect(keys).toMatchObject({ cloud: 'commercial', keys: [{ kid: node.door.directoryKey.kid }] });
    expect(JSON.stringify(keys)).not.toContain('"d"');
  });

  test('/healthz lives, /readyz says why not, /metrics counts', async () => {
    const node = await start();
    expect((await fetch(`${node.url}/healthz`)).status).toBe(200);
    const ready = await fetch(`${node.url}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([200, { ready: true, reasons: [], warnings: [] }]);
    node.state.reasons = [{ check: 'workers', reason: 'none runs' }];
    const unready = await fetch(`${node.url}/readyz`);
    expect([unready.status, await unready.json()]).toEqual([
      503,
      { ready: false, reasons: [{ check: 'workers', reason: 'none runs' }], warnings: [] },
    ]);
    expect((await fetch(`${node.url}/healthz`)).status).toBe(200);
    await fetch(`${node.url}/nothing`);
    const metrics = await fetch(`${node.url}/metrics`);
    expect(metrics.headers.get('content-type')).toContain('text/plain');
    const text = await metrics.text();
    expect(text).toContain('watershed_http_refusals_total{code="path_unknown"} 1');
    expect(text).toContain('watershed_connections 0');
  });

  test('POST /v1/directory is asked so often by one address, whatever it brings; others are not disturbed', async () => {
    const node = await start({
      options: { directoryPerAddress: { perSecond: 0.1, burst: 3 }, trustedProxies: ['127.0.0.1'] },
    });
    const token = await node.door.token({ region: 'us' });
    const ask = (from: string, bearer = token) =>
      fetch(`${node.url}/v1/directory`, {
        method: 'POST',
        headers: { authorization: `Bearer ${bearer}`, 'x-forwarded-for': from },
      });
    expect((await ask(FROM.us)).status).toBe(200);
    for (const bearer of ['rubbish', 'more', 'rubbish again']) await ask(FROM.us, bearer);
    const refused = await ask(FROM.us);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(10);
    expect(refusalSchema.parse(await refused.json())).toMatchObject({
      code: 'directory_rate_limited',
      retry: true,
    });
    expect((await ask(FROM.de)).status).toBe(200);
    expect(await node.metrics.metrics()).toContain(
      'watershed_http_refusals_total{code="directory_rate_limited"} 2',
    );
  });

  test.each([
    ['GET', '/v1/directory', 405, 'method_not_allowed'],
    ['DELETE', '/v1/directory', 405, 'method_not_allowed'],
    ['POST', '/v1/keys', 405, 'method_not_allowed'],
    ['POST', '/healthz', 405, 'method_not_allowed'],
    ['GET', '/v1/nothing', 404, 'path_unknown'],
    ['GET', '/v1/directory/', 404, 'path_unknown'],
    ['GET', '//v1/keys', 404, 'path_unknown'],
    ['POST', '/v1/directory', 401, 'token_missing'],
    ['GET', '/v1/signal', 426, 'unsupported_protocol'],
  ])('%s %s: %i %s, as JSON that nothing runs', async (method, path, status, code) => {
    const node = await start();
    const response = await fetch(`${node.url}${path}`, { method });
    expect(response.status).toBe(status);
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(response.headers.get('referrer-policy')).toBe('no-referrer');
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(refusalSchema.parse(await response.json())).toMatchObject({ code, status });
    if (status === 405) expect(response.headers.get('allow')).toBeTruthy();
  });

  test('what is nobody else’s is the page’s, and gets the headers too', async () => {
    const node = await start({
      page: {
        handle: (_request, response, url) => {
          if (url.pathname !== '/') return false;
          response.end('<!doctype html>');
          return true;
        },
      },
    });
    const page = await fetch(`${node.url}/`);
    expect([page.status, await page.text()]).toEqual([200, '<!doctype html>']);
    expect(page.headers.get('x-content-type-options')).toBe('nosniff');
    expect((await fetch(`${node.url}/other`)).status).toBe(404);
  });

  test('a handler that throws is a 500 without a word of why', async () => {
    const node = await start({
      page: {
        handle: () => {
          throw new Error('the defect itself');
        },
      },
    });
    const response = await fetch(`${node.url}/`);
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain('defect');
    expect(node.log).toHaveLength(1);
  });
});

describe('origins', () => {
  const GOOD = 'https://meet.example.net';
  const BAD = [
    'https://evil.example.com',
    'https://meet.example.net.evil.com',
    'http://meet.example.net',
    'https://meet.example.net:8443',
    'https://MEET.example.net',
    'null',
    'self',
    '',
  ];

  test('an upgrade without an origin, or with a listed one, is heard', async () => {
    const node = await start();
    const token = await node.door.token({ region: 'us' });
    for (const origin of [undefined, GOOD]) {
      const headers: Record<string, string> = origin === undefined ? {} : { origin };
      const outcome = await upgrade(node.port, { token, headers, browser: true });
      expect(outcome.kind).toBe('open');
      if (outcome.kind === 'open') outcome.socket.terminate();
    }
  });

  test.each(BAD)(
    'an upgrade from "%s" is refused before 101 and before its token is looked at',
    async (origin) => {
      const node = await start();
      const token = await node.door.token({ region: 'us' });
      const outcome = await upgrade(node.port, { token, headers: { origin }, browser: true });
      expect(outcome).toMatchObject({ kind: 'refused', status: 403, body: { code: 'origin_refused' } });
      expect(node.door.decisions).toEqual([]);
    },
  );

  test('an older WebSocket version, whose origin stands in another header, is not spoken', async () => {
    const node = await start();
    const token = await node.door.token({ region: 'us' });
    const headers = { 'sec-websocket-version': '8', 'sec-websocket-origin': BAD[0] ?? '' };
    const text = await converse(node.port, upgradeBytes({ authorization: `Bearer ${token}`, ...headers }));
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(text).toMatch(/\r\nsec-websocket-version: 13\r\n/i);
    expect(node.accepted).toEqual([]);
  });

  test('CORS is for listed origins, at /v1/directory and /v1/keys alone', async () => {
    const node = await start();
    const token = await node.door.token({ region: 'us' });
    const authorization = `Bearer ${token}`;
    const ask = (path: string, origin: string, method: string, headers = {}) =>
      fetch(`${node.url}${path}`, { method, headers: { origin, ...headers } });
    const allowed = (response: Response) => response.headers.get('access-control-allow-origin');

    const good = await ask('/v1/directory', GOOD, 'POST', { authorization });
    expect([good.status, allowed(good), good.headers.get('vary')]).toEqual([200, GOOD, 'origin']);
    const preflight = await ask('/v1/directory', GOOD, 'OPTIONS');
    expect([preflight.status, allowed(preflight)]).toEqual([204, GOOD]);
    expect(preflight.headers.get('access-control-allow-headers')).toContain('authorization');
    // Readable also when it is a refusal: a page has to tell people why.
    const refused = await ask('/v1/directory', GOOD, 'POST');
    expect([refused.status, allowed(refused)]).toEqual([401, GOOD]);

    for (const [path, method] of [
      ['/v1/directory', 'POST'],
      ['/v1/directory', 'OPTIONS'],
      ['/v1/keys', 'GET'],
      ['/v1/keys', 'OPTIONS'],
    ] as const) {
      expect(allowed(await ask(path, 'https://evil.example.com', method, { authorization }))).toBeNull();
    }
    expect((await ask('/v1/directory', 'https://evil.example.com', 'POST', { authorization })).status).toBe(
      403,
    );
    for (const path of ['/healthz', '/readyz', '/metrics', '/']) {
      expect(allowed(await ask(path, GOOD, 'GET'))).toBeNull();
    }
  });

  test('self is the host of the request', async () => {
    const node = await start({ options: { origins: ['self'] } });
    const token = await node.door.token({ region: 'us' });
    const from = (origin: string) => upgrade(node.port, { token, headers: { origin }, browser: true });
    const own = await from(`http://127.0.0.1:${node.port}`);
    expect(own.kind).toBe('open');
    if (own.kind === 'open') own.socket.terminate();
    for (const origin of [
      'http://127.0.0.1:1',
      'http://localhost',
      `ftp://127.0.0.1:${node.port}`,
      'self',
      'null',
    ]) {
      expect((await from(origin)).kind).toBe('refused');
    }
  });
});

test("cloud is the pages of the cloud's nodes, and no page else", async () => {
  const isCloudPage = (origin: string) => origin === 'https://n1.iad.example';
  const node = await start({ options: { origins: ['self', 'cloud'] }, isCloudPage });
  const token = await node.door.token({ region: 'us' });
  const from = (origin: string) => upgrade(node.port, { token, headers: { origin }, browser: true });
  const other = await from('https://n1.iad.example');
  expect(other.kind).toBe('open');
  if (other.kind === 'open') other.socket.terminate();
  for (const origin of ['https://iad.example', 'https://n1.iad.example/', 'cloud', 'null']) {
    expect((await from(origin)).kind).toBe('refused');
  }
});

describe('subprotocols and credentials', () => {
  test.each([
    ['no subprotocol', { 'sec-websocket-protocol': '' }, 'unsupported_protocol', 400],
    ['another version', { 'sec-websocket-protocol': 'watershed.v2' }, 'unsupported_protocol', 400],
    ['a bearer alone', { 'sec-websocket-protocol': 'bearer.abc' }, 'unsupported_protocol', 400],
    [
      'the same twice',
      { 'sec-websocket-protocol': 'watershed.v1, watershed.v1' },
      'unsupported_protocol',
      400,
    ],
    ['no list at all', { 'sec-websocket-protocol': 'watershed.v1,,x' }, 'unsupported_protocol', 400],
    ['two bearers', { 'sec-websocket-protocol': 'watershed.v1, bearer.a, bearer.b' }, 'bad_request', 400],
    [
      'a header and a bearer',
      { 'sec-websocket-protocol': 'watershed.v1, bearer.a', authorization: 'Bearer a' },
      'bad_request',
      400,
    ],
    ['another scheme', { authorization: 'Basic YTpi' }, 'token_invalid', 401],
    ['a bearer that is no token', { authorization: 'Bearer a b' }, 'token_invalid', 401],
    ['no key', { 'sec-websocket-key': 'short' }, 'bad_request', 400],
    ['another upgrade', { upgrade: 'h2c' }, 'bad_request', 400],
  ])('%s: %s', async (_what, headers, code, status) => {
    const node = await start();
    const text = await converse(node.port, upgradeBytes(headers));
    expect(text).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4))).toMatchObject({ code, status });
    expect(node.accepted).toEqual([]);
  });

  test('a token in the URL is no token', async () => {
    const node = await start();
    const token = await node.door.token({ region: 'us' });
    const path = `/v1/signal?token=${token}&access_token=${token}`;
    const outcome = await upgrade(node.port, { path });
    expect(outcome).toMatchObject({ kind: 'refused', status: 401, body: { code: 'token_missing' } });
  });

  test('an upgrade elsewhere is 404', async () => {
    const node = await start();
    const token = await node.door.token({ region: 'us' });
    for (const path of ['/', '/v1/signal/', '/v1/directory']) {
      expect(await upgrade(node.port, { token, path })).toMatchObject({ kind: 'refused', status: 404 });
    }
  });

  test('while draining nobody new is taken, and the directory still answers', async () => {
    const node = await start();
    node.state.draining = true;
    const token = await node.door.token({ region: 'us' });
    const outcome = await upgrade(node.port, { token });
    expect(outcome).toMatchObject({ kind: 'refused', status: 503, body: { code: 'draining', retry: true } });
    const headers = { authorization: `Bearer ${token}` };
    expect((await fetch(`${node.url}/v1/directory`, { method: 'POST', headers })).status).toBe(200);
  });
});

describe('the end', () => {
  test('closing ends every kind of connection, and is idempotent', async () => {
    const node = await start();
    const token = await node.door.token({ region: 'us' });
    const admitted = await upgrade(node.port, { token });
    if (admitted.kind !== 'open') throw new Error(admitted.kind);
    const idle = await openSocket(node.port);
    idle.resume();
    const idleClosed = once(idle, 'close');
    await fetch(`${node.url}/healthz`);
    await Promise.all([node.close(), node.close()]);
    expect(await admitted.closed).toBe(1006);
    await idleClosed;
    await expect(fetch(`${node.url}/healthz`)).rejects.toThrow();
  });

  test('a port that is taken rejects, and nothing stays open', async () => {
    const first = await start();
    await expect(start({ options: { port: first.port } })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  test('several addresses share one port', async () => {
    const node = await start({ options: { listen: ['127.0.0.1', '127.0.0.2'] } });
    for (const host of ['127.0.0.1', '127.0.0.2']) {
      expect((await fetch(`http://${host}:${node.port}/healthz`)).status).toBe(200);
    }
  });
});
