import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parsePolicy } from '../../src/policy/parse.ts';
import { startOwnCluster } from '../target/own-cluster.ts';
import type { Target } from '../target/target.ts';

const EXAMPLE = fileURLToPath(new URL('../../config/policies/zoom-2020.yaml', import.meta.url));

/**
 * A whole local cluster: the example's seven nodes, each a process, and Redis. `settings` are its nodes', by path.
 * Whoever starts it closes it.
 */
export async function startCluster(
  settings: Readonly<Record<string, string | number | boolean>> = {},
  policyFile = EXAMPLE,
): Promise<Target> {
  const parsed = parsePolicy(readFileSync(policyFile, 'utf8'), policyFile);
  if (!parsed.ok) throw new Error(`${policyFile} is not a policy`);
  return startOwnCluster({
    policyFile,
    policy: parsed.policy,
    settings,
    signal: new AbortController().signal,
    say: (line) => console.error(line),
  });
}
