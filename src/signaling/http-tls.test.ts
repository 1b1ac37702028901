import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { type HttpNode, type HttpNodeOptions, startHttpNode, until } from './testing/http-node.ts';
import { selfSigned } from './testing/self-signed.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});
async function start(options: HttpNodeOptions = {}): Promise<HttpNode & { url: string }> {
  const node = await startHttpNode(options);
  cleanups.push(() => node.close());
  return { ...node, url: `http://127.0.0.1:${node.port}` };
}

describe('TLS', () => {
  async function startTls() {
    const directory = await mkdtemp(join(tmpdir(), 'watershed-tls-'));
    cleanups.push(() => rm(directory, { recursive: true, force: true }));
    const files = { cert: join(directory, 'cert.pem'), key: join(directory, 'key.pem') };
    const write = async (pair: { cert: string; key: string }) => {
      await writeFile(files.cert, pair.cert);
      await writeFile(files.key, pair.key);
    };
    await write(selfSigned('first'));
    const node = await start({ options: { tls: files, timeouts: { tlsReload: 100 } } });
    const served = async (): Promise<string> => {
      const socket = connectTls({ port: node.port, host: '127.0.0.1', rejectUnauthorized: false });
      await once(socket, 'secureConnect');
      const { CN } = socket.getPeerCertificate().subject;
      socket.destroy();
      return String(CN);
    };
    return { node, files, write, served };
  }

  test('serves, with HSTS; a changed pair is used without a restart; a broken one is not', async () => {
    const { node, files, write, served } = await startTls();
    expect(await served()).toBe('first');
    const { promise, resolve, reject } = withResolvers();
    const request = httpsRequest(
      { port: node.port, host: '127.0.0.1', path: '/healthz', rejectUnauthorized: false },
      (response) => {
        response.resume();
        response.on('end', () =>
          resolve([response.statusCode, response.headers['strict-transport-security']]),
        );
      },
    );
    request.on('error', reject).end();
    expect(await promise).toEqual([200, 'max-age=31536000']);

    await write(selfSigned('second'));
    await until(async () => (await served()) === 'second');
    await writeFile(files.key, selfSigned('third').key);
    await until(() => JSON.stringify(node.log).includes('cannot be used'));
    expect(await served()).toBe('second');
    await write(selfSigned('fourth'));
    await node.server.reloadTls();
    expect(await served()).toBe('fourth');
  });

  test('TLS 1.1 is not spoken', async () => {
    const { node } = await startTls();
    const socket = connectTls({
      port: node.port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      minVersion: 'TLSv1.1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT:@SECLEVEL=0',
    });
    await expect(once(socket, 'secureConnect')).rejects.toThrow();
  });

  test('a node whose certificate cannot be read does not start', async () => {
    const options = { tls: { cert: '/nonexistent/cert.pem', key: '/nonexistent/key.pem' } };
    await expect(start({ options })).rejects.toThrow(/cert\.pem|key\.pem/);
  });
});

function withResolvers() {
  let resolve: (value: unknown) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<unknown>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
