import type { ChildProcess } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { end, ended } from './child.ts';
import type { Order } from './messages.ts';

/** What the nodes have to close in order, and then Redis, in ms. */
const NODE_CLOSE_MS = 3000;
const REDIS_CLOSE_MS = 500;

/** The processes of a cluster and the directory they share. Whoever started them ends them. */
export class Processes {
  readonly directory: string;
  readonly #nodes = new Map<string, ChildProcess>();
  #redis: ChildProcess | null = null;
  #closing: Promise<void> | undefined;

  constructor(directory: string) {
    this.directory = directory;
  }

  keepRedis(child: ChildProcess): void {
    this.#redis = child;
    if (this.#closing !== undefined) child.kill('SIGKILL');
  }

  /** Throws when the cluster is closing: nothing is started any more. */
  keepNode(id: string, spawn: () => ChildProcess): ChildProcess {
    if (this.#closing !== undefined) throw new Error('the cluster is closing');
    const child = spawn();
    this.#nodes.set(id, child);
    return child;
  }

  onLoss(listener: (name: string, how: string) => void): void {
    const all = [...this.#nodes, ['redis', this.#redis] as const];
    for (const [name, child] of all) {
      if (child === null) continue;
      void ended(child).then(() => {
        if (this.#closing === undefined) listener(name, child.signalCode ?? `exit code ${child.exitCode}`);
      });
    }
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      const close = (child: ChildProcess) => {
        if (child.connected) child.send({ kind: 'close' } satisfies Order, () => undefined);
      };
      await Promise.all([...this.#nodes.values()].map((child) => end(child, close, NODE_CLOSE_MS)));
      if (this.#redis !== null) {
        await end(this.#redis, (child) => child.kill('SIGTERM'), REDIS_CLOSE_MS);
      }
      await rm(this.directory, { recursive: true, force: true });
    })();
    return this.#closing;
  }
}
