import { fileURLToPath } from 'node:url';
import { check } from '../../policy/prove.ts';
import { onLauncherGone } from '../launcher.ts';
import { EXIT, faultLine, loadPolicy } from '../policy-io.ts';
import { type LocalCluster, startCluster } from './local-cluster.ts';
import { setUp } from './set-up.ts';
import { clusterTable } from './table.ts';

const DEFAULT_POLICY = fileURLToPath(new URL('../../../config/policies/zoom-2020.yaml', import.meta.url));

/**
 * `watershed cluster up`: in the foreground until SIGTERM, Ctrl-C or the terminal's end. Exit codes: 0 ended,
 * 1 not started (or the policy fails its check), 2 not a policy.
 */
export async function runClusterUp(options: {
  policy?: string;
  json: boolean;
  set: Readonly<Record<string, unknown>>;
}): Promise<void> {
  const say = (text: string) => void (options.json ? process.stderr : process.stdout).write(text);
  const policyFile = options.policy ?? DEFAULT_POLICY;
  const loaded = loadPolicy(policyFile);
  const refused = loaded.ok ? violationsOf(loaded) : loaded.faults;
  if (!loaded.ok || refused.length > 0) {
    for (const finding of refused) process.stderr.write(faultLine(finding));
    process.stderr.write('no node runs on this policy, so there is no cluster\n');
    process.exitCode = loaded.ok ? EXIT.violation : EXIT.notPolicy;
    return;
  }

  const ending = new AbortController();
  const end = () => ending.abort(new Error('ended before it was ready'));
  process.on('SIGTERM', end).on('SIGINT', end).on('SIGHUP', end);
  onLauncherGone(end);
  let cluster: LocalCluster;
  try {
    await setUp(ending.signal);
    cluster = await startCluster({
      policy: loaded.policy,
      policyFile,
      settings: options.set,
      signal: ending.signal,
    });
  } catch (error) {
    process.stderr.write(`the cluster did not start: ${error instanceof Error ? error.message : error}\n`);
    process.exit(1);
  }
  if (!ending.signal.aborted) {
    if (options.json) {
      process.stdout.write(`${JSON.stringify({ nodes: cluster.nodes, redis: cluster.redis })}\n`);
    } else say(clusterTable(cluster, loaded.policy, policyFile));
    cluster.onLoss((name, how) => say(`${name} ended (${how}); the cluster goes on without it\n`));
    await aborted(ending.signal);
  }
  await cluster.close();
  process.exit(0);
}

function violationsOf(loaded: Parameters<typeof check>[0]) {
  const proof = check(loaded);
  return proof.holds ? [] : proof.violations;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    // A timer that never matters keeps the process: children may all be gone, and the cluster still stands.
    const keep = setInterval(() => undefined, 2 ** 30);
    signal.addEventListener('abort', () => {
      clearInterval(keep);
      resolve();
    });
  });
}
