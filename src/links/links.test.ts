import { X509Certificate } from 'node:crypto';
import { connect as connectTcp, Server } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { selfSigned } from '../signaling/testing/self-signed.ts';
import { portOf } from '../testing/free-port.ts';
import { waitFor } from '../testing/wait.ts';
import { createLinks } from './links.ts';
import type { Links, LinksOptions, LinkTarget } from './types.ts';

/** Certificates by their SHA-256, as the policy's enrolment keys would confirm them. */
const trusted = new Map<string, { id: string; datacenter: string }>();
const trust: LinksOptions['trust'] = {
  verify(der) {
    const peer = trusted.get(new X509Certificate(der).fingerprint256);
    return peer === undefined ? { ok: false, reason: 'no enrolment key issued it' } : { ok: true, ...peer };
  },
};
const quiet = { info: () => {}, warn: () => {}, error: () => {} };
const running: Links[] = [];

function credentials(node: { id: string; datacenter: string } | null) {
  const { cert, key } = selfSigned(node?.id ?? 'stranger');
  if (node !== null) trusted.set(new X509Certificate(cert).fingerprint256, node);
  return { certificate: cert, key };
}

async function start(
  node: { id: string; datacenter: string } | null,
  over: Partial<LinksOptions> = {},
): Promise<Links & { target: LinkTarget }> {
  const links = await createLinks({
    ...credentials(node),
    trust,
    host: '127.0.0.1',
    port: 0,
    log: quiet,
    ...over,
  });
  running.push(links);
  const { id, datacenter } = node ?? { id: 'stranger', datacenter: 'sjc' };
  return Object.assign(links, { target: { id, datacenter, link: links.address } });
}

afterEach(async () => {
  await Promise.all(running.splice(0).map((links) => links.close()));
  trusted.clear();
});

const A = { id: 'a', datacenter: 'sjc' };
const B = { id: 'b', datacenter: 'hkg' };

async function pair() {
  const [a, b] = [await start(A), await start(B)];
  return { a, b, link: await a.connect(b.target) };
}

it('goes on after a caller that could not be taken', async () => {
  const listen = vi.spyOn(Server.prototype, 'listen');
  const [a, b] = [await start(A), await start(B)];
  for (const server of listen.mock.contexts) {
    if (server instanceof Server) server.emit('error', new Error('accept ENOBUFS'));
  }
  listen.mockRestore();
  expect((await a.connect(b.target)).peer).toEqual(B);
});

describe('a link', () => {
  it('says at both ends who is at the other', async () => {
    const { b, link } = await pair();
    expect(link.peer).toEqual(B);
    await waitFor('the other end', () => b.up().length === 1);
    expect(b.up()[0]?.peer).toEqual(A);
  });

  it('carries requests and notices both ways, in order', async () => {
    const { a, b, link } = await pair();
    const heard: unknown[] = [];
    b.onNotice('said', (from, data) => heard.push([from.peer.id, data]));
    b.onRequest('add', (_from, data) => {
      heard.push('add');
      return { sum: Number(data) + 1 };
    });
    a.onRequest('who', (from) => from.peer.datacenter);
    link.notice('said', 1);
    link.notice('said', 2);
    expect(await link.request('add', 41)).toEqual({ sum: 42 });
    expect(heard).toEqual([['a', 1], ['a', 2], 'add']);
    expect(await b.up()[0]?.request('who', null)).toBe('hkg');
  });

  it('is one, however often it is asked for, also by both sides after another', async () => {
    const { a, b, link } = await pair();
    expect(await a.connect(b.target)).toBe(link);
    await waitFor('the other end', () => b.up().length === 1);
    await b.connect(a.target);
    expect([a.up().length, b.up().length]).toEqual([1, 1]);
  });

  it('two at once dial once', async () => {
    const [a, b] = [await start(A), await start(B)];
    const [one, other] = await Promise.all([a.connect(b.target), a.connect(b.target)]);
    expect(one).toBe(other);
  });

  it('of two nodes with one id, each in its datacenter, is to the one that was meant', async () => {
    const [a, b, namesake] = [await start(A), await start(B), await start({ ...B, datacenter: 'sha' })];
    const [one, other] = await Promise.all([a.connect(b.target), a.connect(namesake.target)]);
    expect([one.peer.datacenter, other.peer.datacenter]).toEqual(['hkg', 'sha']);
    expect(await a.connect(namesake.target)).toBe(other);
  });

  it('tells of errors by their code, of unknown requests, and of answers that do not come', async () => {
    const { b, link } = await pair();
    b.onRequest('no', () => {
      throw Object.assign(new Error('not here'), { code: 'region_not_admitted' });
    });
    b.onRequest('broken', () => {
      throw new Error('a secret');
    });
    b.onRequest('never', () => new Promise(() => {}));
    await expect(link.request('no', {})).rejects.toMatchObject({
      code: 'region_not_admitted',
      message: 'not here',
    });
    await expect(link.request('broken', {})).rejects.toMatchObject({
      code: 'internal',
      message: expect.not.stringContaining('secret'),
    });
    await expect(link.request('unheard-of', {})).rejects.toMatchObject({ code: 'unknown_request' });
    await expect(link.request('never', {}, 50)).rejects.toMatchObject({ code: 'link_timeout' });
    expect(link.open).toBe(true);
  });

  it('that goes down rejects what waits, is told of at both ends, and can be dialled again', async () => {
    const { a, b, link } = await pair();
    const seen: string[] = [];
    a.onChange((_link, state) => seen.push(`a ${state}`));
    b.onChange((_link, state) => seen.push(`b ${state}`));
    b.onRequest('never', () => new Promise(() => {}));
    const waiting = link.request('never', {});
    await waitFor('the other end', () => b.up().length === 1);
    b.up()[0]?.close('enough');
    await expect(waiting).rejects.toMatchObject({ code: 'link_lost' });
    await waitFor('both ends', () => seen.length === 2);
    expect(seen.sort()).toEqual(['a down', 'b down']);
    await expect(link.request('never', {})).rejects.toMatchObject({ code: 'link_lost' });
    expect((await a.connect(b.target)).open).toBe(true);
  });

  it('that says nothing is found dead', async () => {
    const fast = { pingMs: 30, silenceMs: 120 };
    const [a, b] = [await start(A, { timing: fast }), await start(B, { timing: { pingMs: 60_000 } })];
    // A relay that stops carrying: both sockets stay open.
    const relay = await relayTo(b.address);
    const link = await a.connect({ ...b.target, link: relay.address });
    relay.cut();
    await waitFor('the end', () => !link.open);
    relay.close();
  });

  it('does not carry what is too large, and goes on', async () => {
    const { b, link } = await pair();
    const large = 'x'.repeat(2 * 1024 * 1024);
    const heard: unknown[] = [];
    b.onNotice('said', (_from, data) => heard.push(data));
    b.onRequest('echo', (_from, data) => data);
    b.onRequest('much', () => large);
    link.notice('said', large);
    link.notice('said', 'little');
    await expect(link.request('echo', large)).rejects.toMatchObject({ code: 'link_too_large' });
    await expect(link.request('much', null)).rejects.toMatchObject({ code: 'link_too_large' });
    expect(await link.request('echo', 'little')).toBe('little');
    expect(heard).toEqual(['little']);
    expect([link.open, b.up().length]).toEqual([true, 1]);
  });
});

describe('who is no node', () => {
  it('is not let in: no certificate, a stranger’s, one that was trusted until the policy was switched', async () => {
    const b = await start(B);
    const stranger = await start(null);
    await expect(stranger.connect(b.target)).rejects.toMatchObject({ code: 'link_refused' });
    const statusLine = await new Promise<string>((resolve, reject) => {
      const [host, port] = b.address.split(':');
      const socket = connectTls({ host, port: Number(port), rejectUnauthorized: false }, () =>
        socket.write(
          'GET /v1/link HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
        ),
      );
      socket.once('data', (data) => {
        resolve(data.toString().split('\r\n')[0] ?? '');
        socket.destroy();
      });
      socket.once('error', reject);
    });
    expect(statusLine).toBe('HTTP/1.1 403 Forbidden');
    expect(b.up()).toEqual([]);
  });

  it('is not spoken to: a stranger, another node, the right node of another datacenter', async () => {
    const a = await start(A);
    const stranger = await start(null);
    const b = await start(B);
    for (const target of [
      { ...B, link: stranger.address },
      { id: 'c', datacenter: 'hkg', link: b.address },
      { id: 'b', datacenter: 'sha', link: b.address },
    ]) {
      await expect(a.connect(target)).rejects.toMatchObject({ code: 'link_refused' });
    }
    expect(a.up()).toEqual([]);
    expect(b.up()).toEqual([]);
  });

  it('loses its links when the policy does not confirm it any more', async () => {
    const { a, b, link } = await pair();
    await waitFor('the other end', () => b.up().length === 1);
    for (const [fingerprint, node] of trusted) if (node === A) trusted.delete(fingerprint);
    expect(b.rejudge()).toEqual([A]);
    expect(b.up()).toEqual([]);
    await waitFor('this end', () => !link.open);
    await expect(a.connect(b.target)).rejects.toMatchObject({ code: 'link_refused' });
  });

  it('loses its links when its certificate expires, though nobody asks', async () => {
    const [a, b] = [await start(A, { timing: { rejudgeMs: 20 } }), await start(B)];
    const link = await a.connect(b.target);
    trusted.clear();
    await waitFor('the link to close', () => !link.open);
    await expect(a.connect(b.target)).rejects.toMatchObject({ code: 'link_refused' });
  });

  it('is unreachable where nothing listens, or nothing answers', async () => {
    const a = await start(A, { timing: { connectMs: 200 } });
    await expect(a.connect({ ...B, link: '127.0.0.1:1' })).rejects.toMatchObject({
      code: 'link_unreachable',
    });
    const silent = await relayTo(null);
    await expect(a.connect({ ...B, link: silent.address })).rejects.toMatchObject({
      code: 'link_unreachable',
    });
    silent.close();
  });
});

describe('who shows no certificate', () => {
  const quick = { timing: { connectMs: 300 } };

  it('is one of few, and not for long: nodes come as soon as there is room', async () => {
    const warned: unknown[] = [];
    const log = { ...quiet, warn: (fields: object) => warned.push(fields) };
    const b = await start(B, { ...quick, log, waiting: { perAddress: 2, total: 100 } });
    const a = await start(A);
    const silent = [await silentAt(b), await silentAt(b)];
    const third = await silentAt(b);
    await waitFor('the third to be closed', () => third.closed);
    await expect(a.connect(b.target)).rejects.toMatchObject({ code: 'link_unreachable' });
    expect(warned).toEqual([{ turnedAway: 1 }]);
    const link = await waitFor('a link', () => a.connect(b.target).catch(() => undefined));
    await waitFor('the others to be closed', () => silent.every(({ closed }) => closed));
    expect(link.open).toBe(true);
  });

  it('keeps no node out, from however many addresses it comes', async () => {
    const b = await start(B, { waiting: { perAddress: 2, total: 3 } });
    const a = await start(A);
    const silent = [];
    for (const from of ['127.0.0.2', '127.0.0.3', '127.0.0.4']) silent.push(await silentAt(b, from));
    const link = await a.connect(b.target);
    expect(silent.map(({ closed }) => closed)).toEqual([true, false, false]);
    for (const one of silent) one.close();
    expect(link.open).toBe(true);
  });

  it('is closed after the handshake too, where it asks for nothing; a link stays', async () => {
    const b = await start(B, quick);
    const a = await start(A);
    const link = await a.connect(b.target);
    const [host, port] = b.address.split(':');
    const socket = connectTls({ host, port: Number(port), rejectUnauthorized: false });
    socket.on('error', () => {});
    await new Promise((resolve) => socket.once('secureConnect', resolve));
    await waitFor('the end', () => socket.destroyed || socket.readableEnded, 2000);
    expect(link.open).toBe(true);
  });

  /** A connection on which nothing is said. */
  async function silentAt({ address }: Links, localAddress = '127.0.0.1') {
    const [host, port] = address.split(':');
    const socket = connectTcp({ host, port: Number(port), localAddress });
    const silent = { closed: false, close: () => socket.destroy() };
    socket.on('error', () => {});
    socket.on('close', () => {
      silent.closed = true;
    });
    socket.resume();
    await new Promise((resolve) => socket.once('connect', resolve));
    return silent;
  }
});

it('closing ends links and listener, and nothing is dialled afterwards', async () => {
  const { a, b, link } = await pair();
  await waitFor('the other end', () => b.up().length === 1);
  await Promise.all([b.close(), b.close()]);
  await waitFor('this end', () => !link.open);
  await expect(a.connect(b.target)).rejects.toMatchObject({ code: 'link_unreachable' });
});

/** Passes bytes on to an address until it is cut; to null, it swallows them. */
async function relayTo(address: string | null) {
  const { createServer } = await import('node:net');
  const sockets = new Set<import('node:net').Socket>();
  const server = createServer((near) => {
    sockets.add(near);
    near.on('error', () => {});
    if (address === null) return;
    const [host, port] = address.split(':');
    const far = connectTcp({ host, port: Number(port) });
    sockets.add(far);
    far.on('error', () => {});
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${portOf(server)}`,
    cut: () => {
      for (const socket of sockets) socket.unpipe();
      for (const socket of sockets) socket.pause();
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
