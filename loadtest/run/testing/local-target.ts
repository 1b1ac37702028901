import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startNode, type TestNode } from '../../../src/e2e/harness/node.ts';
import { type CompiledPolicy, compilePolicy } from '../../../src/policy/compile.ts';
import { parsePolicy } from '../../../src/policy/parse.ts';
import { MemoryRegistry } from '../../../src/registry/memory.ts';
import { freePort } from '../../../src/testing/free-port.ts';
import { DEVELOPMENT_ISSUER } from '../../../src/tokens/development.ts';
import { generateSigningKey } from '../../../src/tokens/keys.ts';
import { countriesOf } from '../../target/countries.ts';
import type { Target } from '../../target/target.ts';
import { startLaundry } from './laundry.ts';

const POLICY = new URL('../../../config/policies/zoom-2020.yaml', import.meta.url);

export interface LocalTargetOptions {
  /** Datacenters of zoom-2020 that have a node, each in this process. */
  readonly datacenters: readonly string[];
  /**
   * A datacenter whose node is broken on purpose: it runs on a policy that admits everyone to it, and before it
   * stands something that makes a good token of any bad one. No product code can do either.
   */
  readonly broken?: string;
}

/** Nodes of the test's own as the target of a run, with the policy as it should be. */
export async function startLocalTarget({ datacenters, broken }: LocalTargetOptions): Promise<Target> {
  const ports = new Map<string, number>();
  for (const name of datacenters) ports.set(name, await freePort());
  const fronts = new Map<string, string>();
  const closers: (() => Promise<unknown>)[] = [];
  const key = generateSigningKey();
  const issuer = { issuer: DEVELOPMENT_ISSUER, cloud: 'commercial', key };
  for (const [name, port] of ports) {
    if (name !== broken) fronts.set(name, `ws://127.0.0.1:${port}`);
    else {
      const laundry = await startLaundry({ issuer, port });
      closers.push(laundry.close);
      fronts.set(name, `ws://127.0.0.1:${laundry.port}`);
    }
  }
  const text = urlsIn(readFileSync(POLICY, 'utf8').replace(/^expires:.*$/m, ''), fronts);
  const right = compiled(text);
  const open = compiled(
    text
      .replaceAll(/admits: \[[^\]]*\]/g, 'admits: any')
      .replace(/secondaries: \[fra, ams, hkg\]/, 'secondaries: [sha, tsn]'),
  );
  const dir = mkdtempSync(join(tmpdir(), 'watershed-target-'));
  closers.push(async () => rmSync(dir, { recursive: true, force: true }));
  const database = join(dir, 'countries.mmdb');
  writeFileSync(database, countriesOf(right.policy));
  const yaml = `geo: { database: ${database}, loopback: true }`;
  const registry = new MemoryRegistry();
  closers.push(async () => registry.close());
  const nodes: TestNode[] = [];
  for (const [datacenter, port] of ports) {
    const policy = datacenter === broken ? open : right;
    const node = await startNode({ datacenter, port, policy, registry, key, yaml });
    nodes.push(node);
    closers.push(() => node.close());
  }
  return {
    kind: 'url',
    nodes: nodes.map(({ datacenter }) => ({
      id: datacenter,
      datacenter,
      region: right.policy.datacenters.get(datacenter)?.region ?? '',
      url: fronts.get(datacenter) ?? '',
      pid: null,
    })),
    redis: null,
    issuer,
    policy: right.policy,
    judgesLoopback: true,
    notes: [],
    async close() {
      for (const close of closers.splice(0).reverse()) await close();
    },
  };
}

function urlsIn(text: string, urls: ReadonlyMap<string, string>): string {
  let changed = text;
  for (const [name, url] of urls)
    changed = changed.replace(new RegExp(`^(  ${name}:.*url: )"[^"]*"`, 'm'), `$1"${url}"`);
  return changed;
}

function compiled(text: string): CompiledPolicy {
  const parsed = parsePolicy(text, 'test');
  if (!parsed.ok) throw new Error(parsed.faults.map(({ message }) => message).join('\n'));
  return compilePolicy(parsed.policy);
}
