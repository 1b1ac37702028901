import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';
import { resultSchema } from '../report/result.ts';

// The packets that a report says were received, beside those that the kernel's packet filter counted, for a whole run
// with its cluster in a network namespace of its own.
const ROOT = join(import.meta.dirname, '..', '..');
const dir = mkdtempSync(join(tmpdir(), 'watershed-count-'));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const possible = [
  ['unshare', '-n', 'true'],
  ['nft', '--version'],
].every(([command = '', ...args]) => spawnSync(command, args).status === 0);

const SCENARIO = `
name: counted
policy: ${join(ROOT, 'config/policies/government.yaml')}
interval: 0.5
rooms:
  - name: room
    members:
      - { count: 1, region: gov-east, publish: [microphone, camera] }
      - { count: 1, region: gov-east, publish: [{ source: camera, codec: vp9 }] }
      - { count: 1, region: gov-west, publish: [microphone, screen] }
phases:
  - { name: join, seconds: 2, present: 1 }
  - { name: talk, seconds: 6, churn: 0.5 }
  - { name: leave, seconds: 1, present: 0 }
`;

/**
 * Datagrams from nodes to participants that are RTP by their version and payload type, and no RTCP (RFC 5761). Payload
 * type 127 is padding that mediasoup sends to find out what a line holds: it belongs to nobody's media.
 */
const RULES = `
table ip count {
  counter received { }
  chain input {
    type filter hook input priority 0; policy accept;
    ip saddr 127.0.0.1 ip daddr 127.16.0.0-127.115.255.255 meta l4proto udp @th,64,2 2 @th,73,7 96-126 counter name received
  }
}`;

const countersSchema = z.object({
  nftables: z.array(z.object({ counter: z.object({ packets: z.number() }).optional() })),
});

test.skipIf(!possible)(
  'a report counts what the kernel counts',
  async () => {
    const [scenario, rules, json] = ['scenario.yaml', 'rules.nft', 'result.json'].map((name) =>
      join(dir, name),
    );
    if (scenario === undefined || rules === undefined || json === undefined) throw new Error('no names');
    writeFileSync(scenario, SCENARIO);
    writeFileSync(rules, RULES);
    // One segment: bursts are taken apart before they are counted.
    const script = `ip link set lo up && ip link set lo gso_max_segs 1 && nft -f ${rules} &&
      ${process.execPath} loadtest/loadtest.mjs --scenario ${scenario} --json ${json} >&2 ; nft -j list counters`;
    const child = spawn('unshare', ['-n', 'sh', '-c', script], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [out, words] = [child.stdout, child.stderr].map((stream) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      return () => Buffer.concat(chunks).toString();
    });
    const late = setTimeout(() => child.kill('SIGTERM'), 100_000);
    await once(child, 'close');
    clearTimeout(late);
    const [counted = 0] = countersSchema
      .parse(JSON.parse(out?.() ?? ''))
      .nftables.flatMap(({ counter }) => counter?.packets ?? []);
    const { totals, series } = resultSchema.parse(JSON.parse(readFileSync(json, 'utf8')));
    const reported = series.reduce(
      (sum, { packetsPerSecond, seconds }) => sum + packetsPerSecond * seconds,
      0,
    );
    expect(totals.joined, words?.()).toBe(totals.joins);
    expect(counted).toBeGreaterThan(1000);
    expect(Math.abs(reported - counted) / counted, `${reported} reported, ${counted} counted`).toBeLessThan(
      0.01,
    );
  },
  120_000,
);
