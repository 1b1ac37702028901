import type { KeyObject } from 'node:crypto';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { issueNodeCertificate } from '../../identity/certificate.ts';
import { publicKeyText } from '../../policy/bundle.ts';
import type { Datacenter, Policy } from '../../policy/model.ts';
import { generateKeyPair } from '../../tokens/key-pair.ts';
import { exportPrivatePem, generateSigningKey } from '../../tokens/keys.ts';
import { ensurePageBundle } from '../../web/bundle.ts';
import { buildChildProgram } from './child-program.ts';
import { type NodeFiles, readiness, spawnNode } from './local-node.ts';
import { type LocalSite, localPolicyText, signLocally, unfencedText } from './local-policy.ts';
import { type LocalCloud, localNodeConfig } from './node-config.ts';
import { freePorts } from './ports.ts';
import { Processes } from './processes.ts';
import { startRedis } from './redis.ts';
import { publishCluster } from './running.ts';

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
  /** For replays: the directory of this datacenter's node answers by these routes, and by no fence. */
  readonly mistake?: { readonly datacenter: string; readonly routes: string };
}

/**
 * Starts a Redis and one node for each datacenter of the policy, each a process of its own, and resolves once all
 * are ready. Rejects, with nothing left running, when one of them does not start.
 */
export async function startCluster(options: ClusterOptions): Promise<LocalCluster> {
  const directory = await mkdtemp(join(tmpdir(), 'watershed-cluster-'));
  publishCluster(directory);
  const started = new Processes(directory);
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

interface Site extends LocalSite {
  readonly id: string;
  readonly datacenter: string;
  readonly region: string;
  readonly port: number;
  readonly enrolmentKey: KeyObject;
}

async function start(options: ClusterOptions, started: Processes): Promise<LocalCluster> {
  const { policy, policyFile, mistake, settings = {} } = options;
  const { directory } = started;
  const file = (name: string) => join(directory, name);
  const [redisPort = 0, ...ports] = await freePorts(1 + policy.datacenters.size);
  const sites = [...policy.datacenters.values()].map((site, index) => siteOf(site, ports[index] ?? 0));
  const bySite = new Map(sites.map((site) => [site.datacenter, site]));
  const text = localPolicyText(await readFile(policyFile, 'utf8'), bySite);
  const { bundle, signers } = signLocally(policy.version, text);
  const cloud: LocalCloud = {
    cloud: policy.cloud,
    bundle: file('policy.bundle'),
    signers,
    directoryKey: file('directory.pem'),
    redis: `redis://127.0.0.1:${redisPort}`,
  };
  // Once, and not by each node; one after the other, since each ends the compiler that they share.
  await ensurePageBundle();
  const program = await buildChildProgram(file('program'));
  await Promise.all([
    writeFile(cloud.bundle, bundle),
    writeFile(file('token.pem'), exportPrivatePem(generateSigningKey()), SECRET),
    writeFile(cloud.directoryKey, exportPrivatePem(generateSigningKey()), SECRET),
    mistake && writeFile(file('mistake.yaml'), unfencedText(mistake.routes, bySite)),
  ]);
  started.keepRedis(await startRedis({ port: redisPort, dir: file('redis') }));
  const nodes = await Promise.all(
    sites.map(async (site): Promise<LocalNode> => {
      const { id, datacenter, region, url } = site;
      const files: NodeFiles = {
        config: await writeNode(site, cloud, directory, settings),
        tokenKey: file('token.pem'),
        log: file(`${id}.log`),
        directoryPolicy: mistake?.datacenter === datacenter ? file('mistake.yaml') : null,
      };
      const child = started.keepNode(id, () => spawnNode(program, files));
      await readiness(child, id, files.log);
      return { id, datacenter, region, url, pid: child.pid ?? 0 };
    }),
  );
  return {
    nodes,
    redis: cloud.redis,
    directory,
    onLoss: (listener) => started.onLoss(listener),
    close: () => started.close(),
  };
}

const SECRET = { mode: 0o600 };

/** A datacenter on this machine, with an enrolment key that is made for it. */
function siteOf({ name, region }: Datacenter, port: number): Site {
  const { privateKey, publicKey } = generateKeyPair();
  return {
    id: `${name}-1`,
    datacenter: name,
    region,
    port,
    url: `ws://127.0.0.1:${port}`,
    key: publicKeyText(publicKey),
    enrolmentKey: privateKey,
  };
}

/** Enrols a node and writes its configuration; resolves with the file. */
async function writeNode(
  site: Site,
  cloud: LocalCloud,
  directory: string,
  settings: Readonly<Record<string, unknown>>,
): Promise<string> {
  const { id, datacenter, port, enrolmentKey } = site;
  const file = (kind: string) => join(directory, `${id}.${kind}`);
  const { privateKey, publicKey } = generateKeyPair();
  const node = { cloud: cloud.cloud, datacenter, id };
  const certificate = issueNodeCertificate({ node, publicKey, enrolmentKey, days: 365, now: Date.now() });
  const config = localNodeConfig({
    ...cloud,
    id,
    datacenter,
    port,
    stateDir: file('state'),
    certificate: file('crt'),
    key: file('key'),
    settings,
  });
  await Promise.all([
    writeFile(file('crt'), certificate),
    writeFile(file('key'), privateKey.export({ type: 'pkcs8', format: 'pem' }), SECRET),
    writeFile(file('yaml'), config),
  ]);
  return file('yaml');
}
