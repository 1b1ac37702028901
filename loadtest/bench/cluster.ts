import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parsePolicy } from '../../src/policy/parse.ts';
import { startOwnCluster } from '../target/own-cluster.ts';
import type { Target } from '../target/target.ts';

const EXAMPLE = fileURLToPath(new URL('../../config/policies/zoom-2020.yaml', import.meta.url));

/** A whole local cluster: the example's seven nodes, each a process, and Redis. Whoever starts it closes it. */
export async function startCluster(): Promise<Target> {
  const parsed = parsePolicy(readFileSync(EXAMPLE, 'utf8'), EXAMPLE);
  if (!parsed.ok) throw new Error(`${EXAMPLE} is not a policy`);
  return startOwnCluster({
    policyFile: EXAMPLE,
    policy: parsed.policy,
    settings: {},
    signal: new AbortController().signal,
    say: (line) => console.error(line),
  });
}
