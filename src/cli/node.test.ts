import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { directoryAnswerSchema } from '../protocol/directory.ts';
import { type Running, run, start } from './testing/run.ts';

let runtime: string;
let env: Record<string, string>;
let node: Running;
let url: string;

beforeAll(async () => {
  runtime = mkdtempSync(join(tmpdir(), 'node-cli-'));
  env = { XDG_RUNTIME_DIR: runtime, WATERSHED_HTTP_PORT: '0', WATERSHED_MEDIA_WORKERS: '1' };
  node = start(['node'], env);
  [, url = ''] = await node.wrote(/page +(\S+)[\s\S]*worker +mediasoup \S+, .*\n/);
});
afterAll(async () => {
  node.child.kill('SIGKILL');
  await node.ended;
  rmSync(runtime, { recursive: true, force: true });
});

async function directory(token: string): Promise<Response> {
  return fetch(`${url.replace('localhost', '127.0.0.1')}/v1/directory`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
  });
}

it('is ready when it says so, at localhost by either family', async () => {
  const { port } = new URL(url);
  // By address: a machine without a hosts file knows no localhost.
  const families = Object.values(networkInterfaces()).flat();
  const both = families.some((entry) => entry?.address === '::1') ? ['127.0.0.1', '[::1]'] : ['127.0.0.1'];
  for (const host of both) {
    const answer = await fetch(`http://${host}:${port}/readyz`);
    expect(await answer.json()).toEqual({ ready: true, reasons: [], warnings: [] });
  }
});

it('accepts what `watershed token` prints, from another process', async () => {
  const { stdout } = await run(['token', '--room', 'weekly', '--region', 'local'], env);
  const answer = await directory(stdout.trim());
  expect(answer.status).toBe(200);
  const list = directoryAnswerSchema.parse(await answer.json());
  expect(list).toMatchObject({ room: 'weekly', primaries: [{ datacenter: 'local', region: 'local' }] });
});

it('tells a second node on the same port what to do', async () => {
  const second = await run(['node'], { ...env, WATERSHED_HTTP_PORT: new URL(url).port });
  expect(second.code).toBe(1);
  expect(second.stdout).toBe('');
  expect(second.stderr).toContain(`port ${new URL(url).port} is in use: end what listens there`);
});

it('ends on SIGTERM with exit code 0, and takes its development key along', async () => {
  expect(readdirSync(join(runtime, 'watershed'))).toHaveLength(1);
  node.child.kill('SIGTERM');
  expect(await node.ended).toMatchObject({ code: 0, signal: null });
  expect(readdirSync(join(runtime, 'watershed'))).toEqual([]);
});
