import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { z } from 'zod';
import { end } from '../../cli/cluster/child.ts';
import { buildChildProgram } from '../../cli/cluster/child-program.ts';
import { readiness } from '../../cli/cluster/local-node.ts';
import { localPolicyText, signLocally } from '../../cli/cluster/local-policy.ts';
import { localNodeConfig } from '../../cli/cluster/node-config.ts';
import { mmdb } from '../../geo/testing/mmdb-writer.ts';
import { issueNodeCertificate } from '../../identity/certificate.ts';
import { addressName, writeCertificate } from '../../identity/x509.ts';
import { publicKeyText } from '../../policy/bundle.ts';
import { type Network, openNetwork } from '../../testing/network.ts';
import { waitFor } from '../../testing/wait.ts';
import { issueJoinToken, type JoinTokenClaims } from '../../tokens/issue.ts';
import { generateKeyPair } from '../../tokens/key-pair.ts';
import { exportPrivatePem, generateSigningKey } from '../../tokens/keys.ts';
import { localPolicy } from '../harness/policies.ts';
import { Caller } from './caller-process.ts';

/** A cloud of several hosts, each with addresses and a network of its own: nodes as in production, over TLS. */
export interface Hosts {
  readonly network: Network;
  /** What the nodes share, seen from outside. */
  readonly redis: Redis;
  readonly nodes: ReadonlyMap<string, HostNode>;
  readonly callers: ReadonlyMap<string, Caller>;
  token(claims: Pick<JoinTokenClaims, 'room' | 'region'> & Partial<JoinTokenClaims>): Promise<string>;
  close(): Promise<void>;
}

export interface HostNode {
  readonly id: string;
  readonly datacenter: string;
  readonly url: string;
  readonly pid: number;
  /** Records that it logged so far. */
  log(): readonly Readonly<Record<string, unknown>>[];
}

export interface HostsOptions {
  /** Address of each datacenter; the policy's others are down. */
  readonly datacenters: Readonly<Record<string, string>>;
  /** Addresses of each host of people; the first is for its traffic that names none. */
  readonly people: Readonly<Record<string, readonly string[]>>;
  /** Countries of networks, as an address database has them. */
  readonly countries: Readonly<Record<string, string>>;
  readonly settings?: Readonly<Record<string, unknown>>;
}

const REDIS_HOST = 'registry';
const REDIS_ADDRESS = '192.0.2.10';
const REDIS_PORT = 6379;
const ISSUER = 'https://accounts.example.net';
const POLICY = new URL('../../../config/policies/zoom-2020.yaml', import.meta.url);
/** Whoever was told to end, and does not, is ended by force after it. */
const FORCE_MS = 4000;
const SECRET = { mode: 0o600 };

/** Rejects, with nothing left, where a network cannot be made or something does not start. */
export async function startHosts(options: HostsOptions): Promise<Hosts> {
  const { datacenters, people } = options;
  const network = openNetwork({
    ...Object.fromEntries(Object.entries(datacenters).map(([name, address]) => [name, [address]])),
    ...people,
    [REDIS_HOST]: [REDIS_ADDRESS],
  });
  const dir = mkdtempSync(join(tmpdir(), 'watershed-hosts-'));
  const ends: (() => unknown)[] = [
    () => {
      network.close();
      rmSync(dir, { recursive: true, force: true });
    },
  ];
  const close = async (): Promise<void> => {
    for (const one of ends.splice(0).reverse()) await one();
  };
  try {
    return { ...(await start(options, network, dir, (one) => ends.push(one))), network, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function start(
  { datacenters, people, countries, settings = {} }: HostsOptions,
  network: Network,
  dir: string,
  onClose: (end: () => unknown) => void,
): Promise<Omit<Hosts, 'network' | 'close'>> {
  const file = (name: string, content: string | Uint8Array): string => {
    writeFileSync(join(dir, name), content, SECRET);
    return join(dir, name);
  };
  const version = localPolicy('policies/zoom-2020.yaml', {}).policy.version;
  const text = readFileSync(POLICY, 'utf8').replace(/^expires:.*$/m, '');
  const enrolments = new Map(Object.keys(datacenters).map((name) => [name, generateKeyPair()]));
  const sites = new Map(
    [...enrolments].map(([name, { publicKey }]) => [
      name,
      { url: `wss://${datacenters[name]}`, key: publicKeyText(publicKey) },
    ]),
  );
  const { bundle, signers } = signLocally(version, localPolicyText(text, sites));
  const tls = certificateFor(Object.values(datacenters));
  const issuer = generateSigningKey();
  const cloud = {
    cloud: 'commercial',
    bundle: file('policy.bundle', bundle),
    signers,
    directoryKey: file('directory.pem', exportPrivatePem(generateSigningKey())),
    redis: `redis://${REDIS_ADDRESS}:${REDIS_PORT}`,
  };
  const database = file('countries.mmdb', mmdb(countries));
  const certificate = file('tls.crt', tls.certificate);
  const privateKey = file('tls.key', tls.key);
  const issuerKey = file('issuer.jwk', JSON.stringify(issuer.publicJwk));
  const program = await buildChildProgram(join(dir, 'program'));
  const redis = await startRedis(network, dir, onClose);
  const nodes = new Map<string, HostNode>();
  await Promise.all(
    [...enrolments].map(async ([datacenter, enrolment]) => {
      const address = datacenters[datacenter] ?? '';
      const id = `${datacenter}-1`;
      const own = generateKeyPair();
      const config = localNodeConfig({
        ...cloud,
        id,
        datacenter,
        port: 443,
        stateDir: join(dir, `${id}.state`),
        certificate: file(
          `${id}.crt`,
          issueNodeCertificate({
            node: { cloud: cloud.cloud, datacenter, id },
            publicKey: own.publicKey,
            enrolmentKey: enrolment.privateKey,
            days: 2,
            now: Date.now(),
          }),
        ),
        key: file(`${id}.key`, own.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()),
        settings: {
          mode: 'production',
          'http.host': address,
          'http.publicUrl': `wss://${address}`,
          'http.tls': { cert: certificate, key: privateKey },
          'media.listen': [{ ip: address }],
          'media.basePort': 20_000,
          tokens: { issuers: [{ issuer: ISSUER, keyFile: issuerKey }] },
          'directory.keyFile': cloud.directoryKey,
          'geo.database': database,
          'cluster.link': { host: address, port: 4500 },
          'cluster.pipes': { ip: address, portMin: 40_000, portMax: 49_999 },
          ...settings,
        },
      });
      const logFile = join(dir, `${id}.log`);
      const args = [program, file(`${id}.yaml`, config), cloud.directoryKey];
      const child = spawnAt(network, datacenter, [process.execPath, ...args], logFile);
      onClose(() => end(child, (node) => node.send({ kind: 'close' }), FORCE_MS));
      await readiness(child, id, logFile);
      const log = (): Record<string, unknown>[] => recordsOf(readFileSync(logFile, 'utf8'));
      nodes.set(datacenter, { id, datacenter, url: `wss://${address}`, pid: child.pid ?? 0, log });
    }),
  );
  const callers = new Map<string, Caller>();
  const entry = new URL('./caller.mjs', import.meta.url).pathname;
  await Promise.all(
    Object.keys(people).map(async (name) => {
      const child = spawnAt(network, name, [process.execPath, entry], join(dir, `${name}.log`), {
        NODE_EXTRA_CA_CERTS: certificate,
      });
      onClose(() => end(child, (caller) => caller.send({ id: 0, do: 'end' }), FORCE_MS));
      callers.set(name, new Caller(child, network.host(name).addresses[0] ?? ''));
    }),
  );
  return {
    redis,
    nodes,
    callers,
    token: (claims) =>
      issueJoinToken(
        { issuer: ISSUER, cloud: cloud.cloud, key: issuer },
        { role: 'participant', ...claims },
        { ttlSeconds: 3600 },
      ),
  };
}

/** On a host, with a channel to this process; it ends when this process does, by the channel. */
function spawnAt(
  network: Network,
  host: string,
  command: readonly string[],
  logFile: string,
  env: Readonly<Record<string, string>> = {},
): ChildProcess {
  const [program = '', ...args] = [...network.host(host).command, ...command];
  const log = openSync(logFile, 'a', 0o600);
  try {
    return spawn(program, args, { stdio: ['ignore', log, log, 'ipc'], env: { ...process.env, ...env } });
  } finally {
    closeSync(log);
  }
}

/** It is reached by nodes over the network, and from here by a file: file systems are the same for all hosts. */
async function startRedis(
  network: Network,
  dir: string,
  onClose: (end: () => unknown) => void,
): Promise<Redis> {
  const path = join(dir, 'redis.sock');
  const settings = {
    port: String(REDIS_PORT),
    bind: REDIS_ADDRESS,
    'protected-mode': 'no',
    unixsocket: path,
    dir,
    save: '',
    appendonly: 'no',
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  // The kernel ends it when this process is killed.
  const child = spawn(
    'setpriv',
    ['--pdeathsig', 'KILL', ...network.host(REDIS_HOST).command, 'redis-server', ...flags],
    { stdio: 'ignore' },
  );
  onClose(() => end(child, (server) => server.kill('SIGTERM'), FORCE_MS));
  const redis = new Redis({ path, maxRetriesPerRequest: null });
  redis.on('error', () => undefined);
  onClose(() => redis.disconnect());
  await waitFor('Redis', async () => (await redis.ping()) === 'PONG');
  return redis;
}

/** One certificate for all of them, which their clients trust as it is. */
function certificateFor(addresses: readonly string[]): { certificate: string; key: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const now = Date.now();
  return {
    certificate: writeCertificate({
      subject: { commonName: 'hosts', publicKey },
      issuer: { commonName: 'hosts', privateKey },
      notBefore: now - 3_600_000,
      notAfter: now + 48 * 3_600_000,
      names: addresses.map(addressName),
    }),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

const recordSchema = z.record(z.string(), z.unknown());

function recordsOf(text: string): Record<string, unknown>[] {
  return text.split('\n').flatMap((line) => {
    if (!line.startsWith('{')) return [];
    return [recordSchema.parse(JSON.parse(line))];
  });
}
