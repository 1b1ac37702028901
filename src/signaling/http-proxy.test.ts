import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterEach, describe, expect, it, test } from 'vitest';
import { FROM } from '../cluster/testing/door.ts';
import { freePort } from '../testing/free-port.ts';
import { waitFor } from '../testing/wait.ts';
import { type HttpNode, startHttpNode, upgradeBytes } from './testing/http-node.ts';
import { selfSigned } from './testing/self-signed.ts';

const HAPROXY = '/usr/sbin/haproxy';
const HEADER = `PROXY TCP4 ${FROM.cn} 198.51.100.200 4711 443\r\n`;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), 'watershed-proxy-'));
  cleanups.push(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

async function start(
  options: { tls?: boolean; trustedProxies?: string[]; headers?: number; listen?: string[] } = {},
) {
  const directory = scratch();
  const tls = { cert: join(directory, 'cert.pem'), key: join(directory, 'key.pem') };
  const pair = selfSigned('node');
  writeFileSync(tls.cert, pair.cert);
  writeFileSync(tls.key, pair.key);
  const node = await startHttpNode({
    options: {
      tls: options.tls === true ? tls : null,
      trustedProxies: options.trustedProxies ?? ['127.0.0.1'],
      proxyProtocol: true,
      ...(options.listen !== undefined && { listen: options.listen }),
      ...(options.headers !== undefined && { timeouts: { headers: options.headers } }),
    },
  });
  cleanups.push(() => node.close());
  return node;
}

function open(port: number): Socket {
  const socket = connect(port, '127.0.0.1');
  cleanups.push(() => socket.destroy());
  return socket;
}

/** Everything that comes back until the other side ends, or until it matches. */
async function answer(socket: NodeJS.ReadableStream, until: RegExp): Promise<string> {
  let text = '';
  let ended = false;
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  for (const event of ['close', 'error']) {
    socket.on(event, () => {
      ended = true;
    });
  }
  await waitFor(`${until}`, () => ended || until.test(text));
  return text;
}

async function question(node: HttpNode): Promise<string> {
  const token = await node.door.token({ region: 'us' });
  return `POST /v1/directory HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Length: 0\r\n\r\n`;
}

/** The regions that the client's address and token gave evidence of. */
function evidence(node: HttpNode): readonly string[] {
  return node.door.decisions.at(-1)?.evidence ?? [];
}

describe('with a header', () => {
  test.each([
    ['version 1', Buffer.from(HEADER)],
    ['version 2', Buffer.from('0d0a0d0a000d0a515549540a2111000ccb007101c63364c8126701bb', 'hex')],
  ])('%s: the client is whom it names, also where it comes byte by byte', async (_version, header) => {
    const node = await start();
    const bytes = Buffer.concat([header, Buffer.from(await question(node))]);
    const whole = open(node.port);
    whole.write(bytes);
    expect(await answer(whole, /"signature":"[^"]*"/)).toMatch(/^HTTP\/1\.1 200 /);
    expect(evidence(node)).toEqual(['cn', 'us']);
    const slow = open(node.port);
    slow.setNoDelay(true);
    for (const byte of bytes.subarray(0, header.length + 3)) {
      slow.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    slow.write(bytes.subarray(header.length + 3));
    expect(await answer(slow, /"signature":"[^"]*"/)).toMatch(/^HTTP\/1\.1 200 /);
    expect(node.door.decisions).toHaveLength(2);
    expect(evidence(node)).toEqual(['cn', 'us']);
  });

  it('a proxy may use one port for two addresses of this machine: neither client is taken for the other', async () => {
    const node = await start({ listen: ['0.0.0.0'] });
    const localPort = await freePort();
    const from = { localAddress: '127.0.0.1', localPort, port: node.port };
    const [abroad, home] = [connect({ ...from, host: '127.0.0.1' }), connect({ ...from, host: '127.0.0.2' })];
    cleanups.push(
      () => abroad.destroy(),
      () => home.destroy(),
    );
    abroad.write(HEADER);
    home.write(HEADER.replace(FROM.cn, FROM.us) + (await question(node)));
    expect(await answer(home, /"signature":"[^"]*"/)).toMatch(/^HTTP\/1\.1 200 /);
    expect(evidence(node)).toEqual(['us']);
    abroad.write(await question(node));
    expect(await answer(abroad, /"signature":"[^"]*"/)).toMatch(/^HTTP\/1\.1 200 /);
    expect(evidence(node)).toEqual(['cn', 'us']);
  });

  it('a WebSocket is upgraded, and judged by that address', async () => {
    const node = await start();
    const socket = open(node.port);
    const token = await node.door.token({ region: 'us' });
    socket.write(`${HEADER}${upgradeBytes({ authorization: `Bearer ${token}` })}`);
    // Both together are served at sjc, whose fence admits any.
    expect(await answer(socket, /welcome|"code"/)).toMatch(/^HTTP\/1\.1 101 /);
    expect(node.accepted[0]?.session.address).toBe(FROM.cn);
  });

  it('goes before TLS', async () => {
    const node = await start({ tls: true });
    const raw = open(node.port);
    raw.write(HEADER);
    const socket = connectTls({ socket: raw, rejectUnauthorized: false });
    socket.write(await question(node));
    expect(await answer(socket, /"signature":"[^"]*"/)).toMatch(/^HTTP\/1\.1 200 /);
    expect(evidence(node)).toEqual(['cn', 'us']);
  });

  it('X-Forwarded-For is the client’s own word', async () => {
    const node = await start();
    const socket = open(node.port);
    const text = (await question(node)).replace('Host: x', `Host: x\r\nX-Forwarded-For: ${FROM.us}`);
    socket.write(`${HEADER}${text}`);
    await answer(socket, /"signature":"[^"]*"/);
    expect(evidence(node)).toEqual(['cn', 'us']);
  });

  test.each([
    ['UNKNOWN', Buffer.from('PROXY UNKNOWN\r\n')],
    ['LOCAL', Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex')],
  ])(
    'X-Forwarded-For is the client’s own word also where the proxy names nobody: %s',
    async (_kind, header) => {
      const node = await start();
      const socket = open(node.port);
      socket.write(header);
      socket.write((await question(node)).replace('Host: x', `Host: x\r\nX-Forwarded-For: ${FROM.cn}`));
      await answer(socket, /"signature":"[^"]*"|"code"/);
      expect(evidence(node)).not.toContain('cn');
    },
  );
});

describe('is cut without an answer', () => {
  test.each([
    ['whoever sends none', {}, 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n', 'no PROXY header'],
    ['whoever is no listed proxy', { trustedProxies: ['192.0.2.0/24'] }, HEADER, 'not from a listed proxy'],
    ['whoever is too slow', { headers: 100 }, 'PROXY TCP4 ', 'no PROXY header in time'],
  ])('%s', async (_who, options, text, reason) => {
    const node = await start(options);
    const socket = open(node.port);
    socket.write(text);
    expect(await answer(socket, /./)).toBe('');
    expect(await node.metrics.metrics()).toContain(
      `watershed_proxy_header_refusals_total{reason="${reason}"} 1`,
    );
  });
});

describe.runIf(existsSync(HAPROXY))('behind haproxy', () => {
  /** A haproxy that takes clients' addresses from a PROXY header itself, so that a test can have any. */
  async function haproxy(target: number, send: string): Promise<number> {
    const port = await freePort();
    const file = join(scratch(), 'haproxy.cfg');
    writeFileSync(
      file,
      `global
  maxconn 50
defaults
  mode tcp
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend clients
  bind 127.0.0.1:${port} accept-proxy
  default_backend node
backend node
  server node 127.0.0.1:${target} ${send} check inter 200ms
`,
    );
    const child = spawn(HAPROXY, ['-db', '-f', file], { stdio: 'ignore' });
    const ended = once(child, 'exit');
    cleanups.push(async () => {
      child.kill('SIGKILL');
      await ended;
    });
    await waitFor('haproxy', async () => {
      const socket = connect(port, '127.0.0.1');
      const up = await Promise.race([
        once(socket, 'connect').then(() => true),
        once(socket, 'close').then(() => false),
      ]).catch(() => false);
      socket.destroy();
      return up;
    });
    return port;
  }

  test.each(['send-proxy', 'send-proxy-v2', 'send-proxy-v2 check-send-proxy'])('%s', async (send) => {
    const node = await start({ tls: true });
    const port = await haproxy(node.port, send);
    const raw = open(port);
    raw.write(HEADER);
    const socket = connectTls({ socket: raw, rejectUnauthorized: false });
    const token = await node.door.token({ region: 'us' });
    socket.write(upgradeBytes({ authorization: `Bearer ${token}` }));
    expect(await answer(socket, /welcome|"code"/)).toMatch(/^HTTP\/1\.1 101 /);
    expect(node.accepted[0]?.session.address).toBe(FROM.cn);
  });
});
