import { connect, Server, type Socket } from 'node:net';
import { Gauge } from 'prom-client';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { FROM } from '../cluster/testing/door.ts';
import {
  converse,
  type HttpNode,
  type HttpNodeOptions,
  openSocket,
  startHttpNode,
  until,
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

test('a client that could not be taken ends nothing', async () => {
  const listen = vi.spyOn(Server.prototype, 'listen');
  const node = await start();
  for (const server of listen.mock.contexts) {
    if (server instanceof Server) server.emit('error', new Error('accept ENOBUFS'));
  }
  listen.mockRestore();
  expect(node.log).toContainEqual([{ err: new Error('accept ENOBUFS') }, 'the listener failed']);
  expect((await fetch(`${node.url}/healthz`)).status).toBe(200);
});

describe('what is not well-behaved', () => {
  test('headers beyond 16 KiB: 431, and the node goes on', async () => {
    const node = await start();
    const text = await converse(node.port, upgradeBytes({ 'x-large': 'x'.repeat(20_000) }));
    expect(text).toMatch(/^HTTP\/1\.1 431 /);
    expect(text).toContain('message_too_large');
    expect((await fetch(`${node.url}/healthz`)).status).toBe(200);
  });

  test.each(['\x16\x03\x01\x02\x00\x01\x00', 'GET\r\n\r\n', 'hello there, how are you?\r\n\r\n'])(
    'what is not HTTP is answered as such: %j',
    async (bytes) => {
      const node = await start();
      const text = await converse(node.port, bytes);
      expect(text).toMatch(/^HTTP\/1\.1 400 /);
      expect(text).toContain('bad_request');
    },
  );

  test('a body without end is cut off', async () => {
    const node = await start();
    const socket = await openSocket(node.port);
    let closed = false;
    socket.on('close', () => {
      closed = true;
    });
    socket.write('POST /v1/directory HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n');
    const chunk = `1000\r\n${'x'.repeat(0x1000)}\r\n`;
    await until(() => {
      if (!closed && socket.writable) socket.write(chunk);
      return closed;
    });
  });

  test('1000 idle sockets: nothing is held for them, others are served, and they are closed in time', async () => {
    const node = await start({ options: { timeouts: { headers: 3_000 } } });
    const sockets = await Promise.all(Array.from({ length: 1000 }, () => openSocket(node.port)));
    cleanups.push(() => {
      for (const socket of sockets) socket.destroy();
    });
    const token = await node.door.token({ region: 'us' });
    const outcome = await upgrade(node.port, { token });
    expect(outcome.kind).toBe('open');
    if (outcome.kind === 'open') outcome.socket.terminate();
    let closed = 0;
    for (const socket of sockets) {
      socket.resume();
      socket.on('close', () => closed++);
    }
    await until(() => closed === 1000, 30_000);
    expect(node.door.decisions).toHaveLength(1);
  }, 90_000);

  test('1000 sockets from one address: only as many as it may', async () => {
    const node = await start({ options: { maxConnectionsPerAddress: 10 } });
    const sockets: Socket[] = [];
    let closed = 0;
    for (let i = 0; i < 1000; i++) {
      const socket = await openSocket(node.port);
      socket.on('close', () => closed++);
      socket.resume();
      sockets.push(socket);
    }
    cleanups.push(() => {
      for (const socket of sockets) socket.destroy();
    });
    await until(() => closed === 980);
    for (const socket of sockets) socket.destroy();
    await until(async () => (await fetch(`${node.url}/healthz`).catch(() => null))?.status === 200);
  }, 60_000);

  test('many questions for metrics are few collections', async () => {
    const node = await start();
    let collections = 0;
    new Gauge({
      name: 'looks',
      help: 'Collections.',
      registers: [node.metrics],
      collect: () => void collections++,
    });
    const ask = async () => (await fetch(`${node.url}/metrics`)).text();
    await Promise.all(Array.from({ length: 50 }, ask));
    const at = performance.now();
    while (performance.now() - at < 500) await ask();
    expect(collections).toBeLessThan(8);
    expect(await ask()).toContain('looks');
  });

  test('a listener of both families counts IPv4 clients by their own addresses', async () => {
    const node = await start({ options: { listen: ['::'], maxConnectionsPerAddress: 1 } });
    const held: Socket[] = [];
    cleanups.push(() => {
      for (const socket of held) socket.destroy();
    });
    for (const localAddress of ['127.0.0.1', '127.0.0.1', '127.0.0.2']) {
      const socket = connect({ port: node.port, host: '127.0.0.1', localAddress });
      socket.on('error', () => {});
      held.push(socket);
    }
    const other = held[2];
    other?.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    await until(() => (other?.bytesRead ?? 0) > 0);
  });

  test('WebSockets of one address are capped with 429; another address is not; a closed one makes room', async () => {
    const node = await start({ options: { maxConnectionsPerAddress: 3, trustedProxies: ['127.0.0.1'] } });
    const token = await node.door.token({ region: 'us' });
    const from = (address: string) => upgrade(node.port, { token, headers: { 'x-forwarded-for': address } });
    const open = [await from(FROM.us), await from(FROM.us), await from(FROM.us)];
    expect(open.map((o) => o.kind)).toEqual(['open', 'open', 'open']);
    expect(await from(FROM.us)).toMatchObject({
      status: 429,
      body: { code: 'too_many_connections', retry: true },
    });
    const other = await from(FROM.de);
    expect(other.kind).toBe('open');
    expect(await node.metrics.metrics()).toContain('watershed_connections 4');
    for (const outcome of [open[0], other]) if (outcome?.kind === 'open') outcome.socket.terminate();
    await until(async () => {
      const again = await from(FROM.us);
      if (again.kind === 'open') open.push(again);
      return again.kind === 'open';
    });
    for (const outcome of open) if (outcome.kind === 'open') outcome.socket.terminate();
    await until(async () => (await node.metrics.metrics()).includes('watershed_connections 0'));
  });

  test('an IPv6 customer counts as one /64', async () => {
    const node = await start({ options: { maxConnectionsPerAddress: 1, trustedProxies: ['127.0.0.1'] } });
    const from = (address: string) =>
      upgrade(node.port, { token: 'x', browser: true, headers: { 'x-forwarded-for': address } });
    const first = await from('2001:db8:1:2::1');
    expect(first.kind).toBe('open');
    expect(await from('2001:db8:1:2:ffff::9')).toMatchObject({ status: 429 });
    expect((await from('2001:db8:1:3::1')).kind).toBe('open');
  });

  test('a decision that does not come is not waited for, and seats nobody when it comes after all', async () => {
    let settle = (): void => {};
    const late = new Promise<void>((resolve) => {
      settle = resolve;
    });
    const node = await start({
      options: { timeouts: { upgrade: 200 } },
      admission: (door) => ({
        ...door.admission,
        decide: async (request) => {
          await late;
          return door.admission.decide(request);
        },
      }),
    });
    const token = await node.door.token({ region: 'us' });
    const outcome = await upgrade(node.port, { token });
    expect(outcome).toMatchObject({ kind: 'refused', status: 408, body: { code: 'deadline' } });
    settle();
    await until(() => node.door.decisions.length === 1);
    expect(node.accepted).toEqual([]);
  });

  test('an admission that throws is a 500, and seats nobody', async () => {
    const node = await start({
      admission: (door) => ({ ...door.admission, decide: () => Promise.reject(new Error('a defect')) }),
    });
    expect(await upgrade(node.port, { token: 'x' })).toMatchObject({
      status: 500,
      body: { code: 'internal' },
    });
    expect(node.log).toHaveLength(1);
  });

  test('a client that hangs up while it is decided about leaves nothing behind', async () => {
    let settle = (): void => {};
    const late = new Promise<void>((resolve) => {
      settle = resolve;
    });
    const node = await start({
      admission: (door) => ({
        ...door.admission,
        decide: async (request) => {
          await late;
          return door.admission.decide(request);
        },
      }),
    });
    const token = await node.door.token({ region: 'us' });
    const socket = await openSocket(node.port);
    socket.write(upgradeBytes({ authorization: `Bearer ${token}` }));
    await until(async () => (await node.metrics.metrics()).includes('watershed_connections 1'));
    socket.destroy();
    settle();
    await until(async () => (await node.metrics.metrics()).includes('watershed_connections 0'));
  });

  test('a frame beyond 64 KiB closes with 1009; others are undisturbed', async () => {
    const node = await start();
    const token = await node.door.token({ region: 'us' });
    const [large, other] = [await upgrade(node.port, { token }), await upgrade(node.port, { token })];
    if (large.kind !== 'open' || other.kind !== 'open') throw new Error('not open');
    large.socket.send('x'.repeat(64 * 1024 + 1));
    expect(await large.closed).toBe(1009);
    expect(other.socket.readyState).toBe(other.socket.OPEN);
    other.socket.terminate();
  });

  test('compression is not spoken', async () => {
    const node = await start();
    const token = await node.door.token({ region: 'us' });
    const headers = { 'sec-websocket-extensions': 'permessage-deflate' };
    expect((await upgrade(node.port, { token, headers })).kind).toBe('open');
    expect(node.accepted[0]?.socket.extensions).toBe('');
    node.accepted[0]?.socket.terminate();
  });

  test('a socket from which nothing comes back is cut; one that answers pings stays', async () => {
    const node = await start({ options: { timeouts: { ping: 100, silence: 1_500 } } });
    const token = await node.door.token({ region: 'us' });
    const silent = await upgrade(node.port, { token, autoPong: false });
    const alive = await upgrade(node.port, { token });
    if (silent.kind !== 'open' || alive.kind !== 'open') throw new Error('not open');
    expect(await silent.closed).toBe(1006);
    expect(alive.socket.readyState).toBe(alive.socket.OPEN);
    alive.socket.terminate();
  });
});
