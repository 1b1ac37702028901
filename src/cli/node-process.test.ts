import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadNodeConfig } from '../config/load.ts';
import { startFailure } from './node-process.ts';
import { type Running, start } from './testing/run.ts';

const FAKE = fileURLToPath(new URL('./testing/fake-node.mjs', import.meta.url));

function fake(behaviour: string): Running {
  return start([behaviour], {}, { script: FAKE });
}

async function ready(behaviour: string): Promise<Running> {
  const node = fake(behaviour);
  await node.wrote(/worker .*\n/);
  return node;
}

it('says where it is and what it runs, once it is ready', async () => {
  const node = await ready('well');
  node.child.kill('SIGTERM');
  expect((await node.ended).stdout).toBe(
    [
      'Watershed is ready.',
      '  page        http://localhost:4433',
      '  datacenter  local, region home',
      '  policy      version 3, sha256:00ff',
      '  worker      mediasoup 3.27.1, native',
      '',
    ].join('\n'),
  );
});

it('says of a worker that lacks our patches that it is not for production', async () => {
  const node = await ready('unjudged');
  await node.wrote(/WARNING.*not for production\n/);
  node.child.kill('SIGTERM');
  expect(await node.ended).toMatchObject({ code: 0 });
});

describe('a signal', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('%s closes, with exit code 0', async (signal) => {
    const node = await ready('well');
    node.child.kill(signal);
    expect(await node.ended).toMatchObject({ code: 0, signal: null, stderr: '' });
  });

  it('ends in bounded time a node that does not close', async () => {
    const node = await ready('hangs');
    node.child.kill('SIGTERM');
    expect(await node.ended).toMatchObject({ code: 1, stderr: 'not closed within 1.5 s: ending now\n' });
  });

  it('that comes again later ends it at once', async () => {
    const node = await ready('hangs');
    node.child.kill('SIGINT');
    await sleep(1100);
    node.child.kill('SIGINT');
    expect(await node.ended).toMatchObject({ code: 130, stderr: '' });
  });

  it('that comes again while calls are handed over ends it at once', async () => {
    const node = await ready('busy calls');
    node.child.kill('SIGTERM');
    await node.wrote(/draining/);
    await sleep(1100);
    node.child.kill('SIGTERM');
    expect(await node.ended).toMatchObject({ code: 143, stderr: '' });
  });

  it('SIGINT hands nothing over', async () => {
    const node = await ready('busy calls');
    node.child.kill('SIGINT');
    const { code, stdout } = await node.ended;
    expect(code).toBe(0);
    expect(stdout).not.toContain('draining');
  });

  it('that comes twice together is one: a terminal and npm both pass it on', async () => {
    const node = await ready('well');
    node.child.kill('SIGINT');
    node.child.kill('SIGINT');
    node.child.kill('SIGTERM');
    expect(await node.ended).toMatchObject({ code: 0 });
  });

  it('on which closing fails is told, with exit code 1', async () => {
    const node = await ready('fails');
    node.child.kill('SIGTERM');
    expect(await node.ended).toMatchObject({
      code: 1,
      stderr: 'the node did not close cleanly: a worker would not end\n',
    });
  });
});

describe('a defect', () => {
  it('leaves the node running where a rejection was left alone', async () => {
    const node = await ready('rejects');
    await node.wrote(/rejection: left alone\n/);
    await sleep(200);
    expect(node.child.exitCode).toBe(null);
    node.child.kill('SIGTERM');
    expect(await node.ended).toMatchObject({ code: 0, stderr: '' });
  });

  it('that threw past everyone hands the calls over, and ends with exit code 1', async () => {
    const { code, stdout, stderr } = await (await ready('throws')).ended;
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(stdout).toContain('exception: not caught\ndraining\n');
  });

  it('before the node runs is a node that cannot start', async () => {
    expect(await fake('rejects at its start').ended).toMatchObject({
      code: 1,
      stderr: 'the node could not start: left alone\n',
    });
  });
});

describe('a node that cannot start', () => {
  it('says what to do about a port that is in use', async () => {
    const { code, stdout, stderr } = await fake('busy').ended;
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toBe(
      'port 4433 is in use: end what listens there (another node?), or set http.port (WATERSHED_HTTP_PORT) to another\n',
    );
  });

  it.each([
    ['EADDRINUSE', 4433, 'set http.port (WATERSHED_HTTP_PORT)'],
    ['EADDRINUSE', 4500, 'set cluster.link.port'],
    ['EADDRINUSE', 20_001, 'set media.basePort (WATERSHED_MEDIA_BASE_PORT)'],
    ['EACCES', 4433, 'set http.port to one above 1023'],
    ['EACCES', 4500, 'set cluster.link.port to one above 1023'],
    ['EADDRNOTAVAIL', 4433, 'http.host 192.0.2.1 is no address'],
    ['EADDRNOTAVAIL', 4500, 'cluster.link.host 192.0.2.1 is no address'],
  ])('names the key: %s at port %d', (code, port, told) => {
    const config = loadNodeConfig({
      file: new URL('../../config/node.yaml', import.meta.url).pathname,
      env: { WATERSHED_MEDIA_BASE_PORT: '20000' },
    });
    const link = { ...config.cluster.link, port: 4500 };
    const error = Object.assign(new Error('listen'), { code, port, address: '192.0.2.1' });
    expect(startFailure(error, { ...config, cluster: { ...config.cluster, link } })).toContain(told);
  });

  it('says why', async () => {
    expect(await fake('broken').ended).toMatchObject({
      code: 1,
      stderr: 'the node could not start: the policy has no datacenter "local"\n',
    });
  });
});
