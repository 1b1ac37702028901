import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Policy } from '../../src/policy/model.ts';
import { findDevelopmentKeys } from '../../src/tokens/development.ts';
import { countriesOf } from './countries.ts';
import { type Target, TargetError, type TargetNode } from './target.ts';

const COMMAND = fileURLToPath(new URL('../../src/cli/watershed.mjs', import.meta.url));
/** The first start of all builds the media worker. */
const READY = 600_000;
/** What `cluster up` promises to end within is 4 s. */
const END = 8000;
/** Last words kept of a cluster that does not start. */
const WORDS = 4000;

const upSchema = z.object({
  nodes: z.array(
    z.object({
      id: z.string(),
      datacenter: z.string(),
      region: z.string(),
      url: z.string(),
      pid: z.number(),
    }),
  ),
  redis: z.string(),
});

export interface OwnClusterOptions {
  readonly policyFile: string;
  readonly policy: Policy;
  /** Settings of its nodes, by their path. */
  readonly settings: Readonly<Record<string, string | number | boolean>>;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

/** Starts `watershed cluster up` for this run alone. Throws TargetError with its last words. */
export async function startOwnCluster(options: OwnClusterOptions): Promise<Target> {
  const { policyFile, policy, settings, signal, say } = options;
  const dir = mkdtempSync(join(tmpdir(), 'watershed-loadtest-'));
  const database = join(dir, 'countries.mmdb');
  writeFileSync(database, countriesOf(policy));
  const set = Object.entries({ 'geo.database': database, 'geo.loopback': true, ...settings }).flatMap(
    ([path, value]) => ['--set', `${path}=${value}`],
  );
  const child = spawn(
    process.execPath,
    [COMMAND, 'cluster', 'up', '--json', '--policy', policyFile, ...set],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      // In a group of its own: a terminal's Ctrl-C is for the run, which still has to read its last figures.
      detached: true,
    },
  );
  const exited = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    child.once('error', () => resolve());
  });
  let words = '';
  createInterface({ input: child.stderr }).on('line', (line) => {
    words = `${words}${line}\n`.slice(-WORDS);
    if (!up) say(line);
  });
  let up = false;
  const close = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      const force = setTimeout(() => child.kill('SIGKILL'), END);
      await exited;
      clearTimeout(force);
    }
    rmSync(dir, { recursive: true, force: true });
  };
  const lines = createInterface({ input: child.stdout });
  try {
    const first = await Promise.race([
      once(lines, 'line', { signal: AbortSignal.any([signal, AbortSignal.timeout(READY)]) }),
      exited.then(() => null),
    ]);
    if (first === null) {
      const how = child.signalCode ?? `exit code ${child.exitCode}`;
      throw new TargetError(`the cluster did not start (${how}):\n${words.trim()}`);
    }
    const { nodes, redis } = upSchema.parse(JSON.parse(String(first[0])));
    up = true;
    const issuer = issuerOf(nodes);
    return { kind: 'cluster', nodes, redis, issuer, policy, judgesLoopback: true, notes: [], close };
  } catch (error) {
    await close();
    if (error instanceof TargetError || signal.aborted) throw error;
    throw new TargetError(`the cluster did not start: ${error}\n${words.trim()}`, { cause: error });
  }
}

/** Its nodes publish their development key to processes of the same user. */
function issuerOf(nodes: readonly TargetNode[]) {
  const pids = new Set(nodes.map(({ pid }) => pid));
  const key = findDevelopmentKeys().find(({ pid }) => pids.has(pid));
  if (key === undefined)
    throw new TargetError('the cluster published no development key to sign join tokens with');
  return key;
}
