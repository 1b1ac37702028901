import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Conversation, converse } from '../e2e/harness/conversation.ts';
import { waitFor } from '../testing/wait.ts';
import { type Running, run, start } from './testing/run.ts';

const JOIN = {
  type: 'request',
  id: 1,
  method: 'join',
  data: { displayName: 'Ann', rtpCapabilities: { codecs: [], headerExtensions: [] } },
};

let runtime: string;
let env: Record<string, string>;
let socket: string;

beforeAll(() => {
  runtime = mkdtempSync(join(tmpdir(), 'drain-cli-'));
  socket = join(runtime, 'control', 'node.sock');
  env = {
    XDG_RUNTIME_DIR: runtime,
    WATERSHED_HTTP_PORT: '0',
    WATERSHED_MEDIA_WORKERS: '1',
    WATERSHED_DRAIN_SOCKET: socket,
  };
});
afterAll(() => rmSync(runtime, { recursive: true, force: true }));

async function nodeWithCall(): Promise<{ node: Running; url: string; call: Conversation }> {
  const node = start(['node'], env);
  const [, page = ''] = await node.wrote(/page +(\S+)[\s\S]*worker +mediasoup \S+, .*\n/);
  const url = page.replace('localhost', '127.0.0.1');
  const call = await converse(url, await token(), 'program', { requests: [JOIN] });
  await waitFor('the join', () => call.frames.some((frame) => frame.includes('"response"')));
  return { node, url, call };
}

async function token(): Promise<string> {
  return (await run(['token', '--room', 'weekly', '--region', 'local'], env)).stdout.trim();
}

describe('watershed node drain', { timeout: 60_000 }, () => {
  it('sends everyone elsewhere, and waits until the node has ended', async () => {
    const { node, call } = await nodeWithCall();
    const drained = await run(['node', 'drain'], env);
    expect(drained).toMatchObject({ code: 0, stderr: '' });
    expect(drained.stdout).toMatch(/^draining: [01] sessions[\s\S]*the node has ended\n$/);
    expect(await node.ended).toMatchObject({ code: 0 });
    expect(call.closeCode).toBe(4503);
    expect(call.frames.at(-1)).toContain('"draining"');
    expect(existsSync(socket)).toBe(false);
    expect(await run(['node', 'drain'], env)).toMatchObject({ code: 1 });
  });

  it('--when-empty lets calls end by themselves, while nobody new is taken', async () => {
    const { node, url, call } = await nodeWithCall();
    const draining = start(['node', 'drain', '--when-empty'], env);
    await draining.wrote(/draining: 1 sessions in 1 rooms/);
    const readiness = await (await fetch(`${url}/readyz`)).text();
    expect(readiness).toContain('being drained');
    const late = await converse(url, await token(), 'program', { requests: [JOIN] });
    expect({ status: late.status, body: late.body }).toMatchObject({
      status: 503,
      body: expect.stringContaining('draining'),
    });
    expect(call.closeCode).toBe(null);
    expect(node.child.exitCode).toBe(null);
    call.send(JSON.stringify({ type: 'request', id: 2, method: 'leave', data: {} }));
    expect(await node.ended).toMatchObject({ code: 0 });
    expect(await draining.ended).toMatchObject({ code: 0 });
  });

  it('--when-empty is hastened by SIGTERM', async () => {
    const { node, call } = await nodeWithCall();
    const draining = start(['node', 'drain', '--when-empty'], env);
    await draining.wrote(/draining: 1 sessions in 1 rooms/);
    node.child.kill('SIGTERM');
    expect(await node.ended).toMatchObject({ code: 0 });
    expect(call.closeCode).toBe(4503);
    expect(await draining.ended).toMatchObject({ code: 0 });
  });
});
