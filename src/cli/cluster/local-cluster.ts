import type { ChildProcess } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { publicKeyText } from '../../policy/bundle.ts';
import type { Policy } from '../../policy/model.ts';
import { exportPrivatePem, generateSigningKey } from '../../tokens/keys.ts';
import { ensurePageBundle } from '../../web/bundle.ts';
import { end, ended } from './child.ts';
import { buildChildProgram } from './child-program.ts';
import { readiness, spawnNode } from './local-node.ts';
import { localPolicyText, signLocally } from './local-policy.ts';
import type { Order } from './messages.ts';
import { localNodeConfig } from './node-config.ts';
import { freePorts } from './ports.ts';
import { startRedis } from './redis.ts';

export interface LocalNode {
  readonly id: string;
  readonly datacenter: string;
  readonly region: string;
  /** `ws://HOST:PORT`. */
  readonly url: string;
  readonly pid: number;
}

export interface LocalCluster {
  readonly nodes: readonly LocalNode[];
  /** URL of its Redis. */
  readonly redis: string;
  /** Where its nodes' configurations and logs are, until it ends. */
  readonly directory: string;
  /** Calls back when a node or Redis ends before the cluster does: `name` and how it ended. */
  onLoss(listener: (name: string, how: string) => void): void;
  /** Ends everything, within 4 s; idempotent. */
  close(): Promise<void>;
}

export interface ClusterOptions {
  /** A policy that passes its check. */
  readonly policy: Policy;
  readonly policyFile: string;
  /** Settings of its nodes by their path, over those that a local cluster has. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Ends the start. */
  readonly signal: AbortSignal;
}

/** What the nodes have to close in order, and then Redis, in ms. */
const NODE_CLOSE_MS = 3000;
const REDIS_CLOSE_MS = 500;

/**
 * Starts a Redis and one node for each datacenter of the policy, each a process of its own, and resolves once all
 * are ready. Rejects, with nothing left running, when one of them does not start.
 */
export async function startCluster(options: ClusterOptions): Promise<LocalCluster> {
  const started = new Processes(await mkdtemp(join(tmpdir(), 'watershed-cluster-')));
  const aborted = new Promise<never>((_resolve, reject) => {
    options.signal.addEventListener('abort', () => reject(options.signal.reason), { once: true });
    if (options.signal.aborted) reject(options.signal.reason);
  });
  try {
    return await Promise.race([aborted, start(options, started)]);
  } catch (error) {
    await started.close();
    throw error;
  }
}

async function start(
  { policy, policyFile, settings = {} }: ClusterOptions,
  started: Processes,
): Promise<LocalCluster> {
  const { directory } = started;
  const file = (name: string) => join(directory, name);
  const datacenters = [...policy.datacenters.values()];
  const [redisPort = 0, ...nodePorts] = await freePorts(1 + datacenters.length);
  const sites = datacenters.map(({ name, region }, index) => ({
    id: `${name}-1`,
    datacenter: name,
    region,
    port: nodePorts[index] ?? 0,
    url: `ws://127.0.0.1:${nodePorts[index]}`,
    key: publicKeyText(generateKeyPairSync('ed25519').publicKey),
  }));
  const text = localPolicyText(
    await readFile(policyFile, 'utf8'),
    new Map(sites.map((site) => [site.datacenter, site])),
  );
  const { bundle, signers } = signLocally(policy.version, text);
  const cloud = {
    cloud: policy.cloud,
    bundle: file('policy.bundle'),
    signers,
    directoryKey: file('directory.pem'),
  };
  const secret = { mode: 0o600 };
  const [program] = await Promise.all([
    // Once, and not by each node.
    buildChildProgram(file('program')),
    ensurePageBundle(),
    writeFile(cloud.bundle, bundle),
    writeFile(file('token.pem'), exportPrivatePem(generateSigningKey()), secret),
    writeFile(cloud.directoryKey, exportPrivatePem(generateSigningKey()), secret),
  ]);
  const redis = await startRedis({ port: redisPort, dir: file('redis') });
  started.keepRedis(redis.process);

  const nodes = await Promise.all(
    sites.map(async ({ id, datacenter, region, port, url }): Promise<LocalNode> => {
      const files = { config: file(`${id}.yaml`), key: file('token.pem'), log: file(`${id}.log`) };
      const stateDir = file(`${id}.state`);
      const config = localNodeConfig({ ...cloud, id, datacenter, port, stateDir, settings });
      await writeFile(files.config, config);
      const child = started.keepNode(id, () => spawnNode(program, files));
      await readiness(child, id, files.log);
      return { id, datacenter, region, url, pid: child.pid ?? 0 };
    }),
  );
  return {
    nodes,
    redis: redis.url,
    directory,
    onLoss: (listener) => started.onLoss(listener),
    close: () => started.close(),
  };
}

/** The processes of a cluster and the directory they share. Whoever started them ends them. */
class Processes {
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
