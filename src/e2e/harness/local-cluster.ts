import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { type Running, run, start } from '../../cli/testing/run.ts';
import { type DirectoryAnswer, directoryAnswerSchema } from '../../protocol/directory.ts';
import { workersOf } from './processes.ts';

const upSchema = z.strictObject({
  nodes: z.array(
    z.strictObject({
      id: z.string(),
      datacenter: z.string(),
      region: z.string(),
      url: z.string().regex(/^ws:\/\/127\.0\.0\.1:\d+$/),
      pid: z.int().positive(),
    }),
  ),
  redis: z.string().regex(/^redis:\/\/127\.0\.0\.1:\d+$/),
});
export type UpNode = z.infer<typeof upSchema>['nodes'][number];

/** What `cluster up --json` said, and its process. */
export interface UpCluster extends z.infer<typeof upSchema> {
  readonly running: Running;
  /** Every process that it started. */
  readonly all: readonly number[];
  node(datacenter: string): UpNode;
  token(claims: { room: string; region: string }): Promise<string>;
}

/** A place of a test's own for what clusters write; commands find the cluster that runs there, and no other. */
export class ClusterHome {
  readonly directory = mkdtempSync(join(tmpdir(), 'cluster-test-'));
  readonly env = { XDG_RUNTIME_DIR: this.directory, TMPDIR: this.directory };

  /** Runs `watershed cluster up`, for at most `boundMs`. Resolves once it is ready. */
  async up(args: readonly string[] = [], boundMs = 120_000): Promise<UpCluster> {
    const running = start(['cluster', 'up', '--json', ...args], this.env, { boundMs });
    const [line] = await running.wrote(/^.*\n/);
    const cluster = upSchema.parse(JSON.parse(line));
    const pids = cluster.nodes.map(({ pid }) => pid);
    return {
      ...cluster,
      running,
      all: [...childrenOf(running.child.pid ?? 0), ...pids, ...pids.flatMap(workersOf)],
      node: (datacenter) => {
        const node = cluster.nodes.find((one) => one.datacenter === datacenter);
        if (node === undefined) throw new Error(`no node at ${datacenter}`);
        return node;
      },
      token: async ({ room, region }) =>
        (await run(['token', '--room', room, '--region', region], this.env)).stdout.trim(),
    };
  }

  /** Directories of clusters that are still here. */
  leftovers(): string[] {
    return readdirSync(this.directory).filter((name) => name.startsWith('watershed-cluster-'));
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}

export const httpOf = ({ url }: UpNode): string => url.replace(/^ws/, 'http');

/** A directory's list, or the status of its refusal. */
export async function directoryOf(node: UpNode, token: string): Promise<DirectoryAnswer | number> {
  const answer = await fetch(`${httpOf(node)}/v1/directory`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
  });
  return answer.status === 200 ? directoryAnswerSchema.parse(await answer.json()) : answer.status;
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && parentOf(name) === parent)
    .map(Number);
}

function parentOf(pid: string): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return null;
  }
}
