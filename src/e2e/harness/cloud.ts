import { type TestEnrolment, testEnrolment, testIdentity } from '../../identity/testing/enrolled.ts';
import type { LayersOff } from '../../node/layers.ts';
import { type CompiledPolicy, compilePolicy } from '../../policy/compile.ts';
import { MemoryRegistry, MemoryStore } from '../../registry/memory.ts';
import type { Registry } from '../../registry/port.ts';
import { freePort } from '../../testing/free-port.ts';
import { generateSigningKey } from '../../tokens/keys.ts';
import { startNode, type TestNode, type TestNodeOptions } from './node.ts';
import { localPolicy } from './policies.ts';

/** Several whole nodes of one cloud in this process: real workers, links, pipes and sockets. */
export interface TestCloud {
  readonly policy: CompiledPolicy;
  /** With which a datacenter's nodes are enrolled. */
  enrolment(datacenter: string): TestEnrolment;
  at(datacenter: string): TestNode;
  start(datacenter: string): Promise<TestNode>;
  /** Closes one node; the others go on. */
  stop(datacenter: string): Promise<void>;
  /** A join token that every node of the cloud accepts. */
  token(room: string, region: string, claims?: Record<string, unknown>): Promise<string>;
  close(): Promise<void>;
}

export interface TestCloudOptions {
  readonly policy?: string;
  /** What to start; the policy's other datacenters are down. */
  readonly datacenters: readonly string[];
  /** A registry for each node; one store of memory for all by default. */
  readonly registry?: (datacenter: string) => Promise<Registry>;
  /** The `link` of a node's `cluster` section; a listener of its own by default. */
  readonly linkAt?: (datacenter: string) => string;
  readonly parts?: Partial<TestNodeOptions>;
  /** Layers of isolation that every node goes without. */
  readonly layersOff?: (policy: CompiledPolicy) => LayersOff;
  /** Told before each node starts. */
  readonly onStart?: (datacenter: string) => void;
  /** What a node runs in place of the cloud's policy: one that is mistaken, or behind. */
  readonly policyAt?: (datacenter: string, policy: CompiledPolicy) => CompiledPolicy;
}

export async function startCloud(options: TestCloudOptions): Promise<TestCloud> {
  const { policy: name = 'policies/zoom-2020.yaml', datacenters } = options;
  const store = new MemoryStore();
  const key = generateSigningKey();
  const urls: Record<string, string> = {};
  const written = localPolicy(name, {});
  for (const datacenter of written.datacenterNames) urls[datacenter] = `ws://127.0.0.1:${await freePort()}`;
  const enrolments = Object.fromEntries(written.datacenterNames.map((dc) => [dc, testEnrolment()]));
  const local = localPolicy(name, urls).policy;
  const policy = compilePolicy({
    ...local,
    datacenters: new Map(
      [...local.datacenters].map(([dc, site]) => [dc, { ...site, key: enrolments[dc]?.key ?? null }]),
    ),
  });
  const { cloud } = policy.policy;
  const nodes = new Map<string, TestNode>();

  const enrolment = (datacenter: string): TestEnrolment => {
    const found = enrolments[datacenter];
    if (found === undefined) throw new Error(`the policy has no datacenter ${datacenter}`);
    return found;
  };
  const start = async (datacenter: string): Promise<TestNode> => {
    const own = enrolment(datacenter);
    options.onStart?.(datacenter);
    const registry = await (options.registry?.(datacenter) ?? Promise.resolve(new MemoryRegistry(store)));
    const link = options.linkAt?.(datacenter) ?? '{}';
    const node = await startNode({
      datacenter,
      policy: options.policyAt?.(datacenter, policy) ?? policy,
      key,
      registry,
      port: Number(new URL(urls[datacenter] ?? '').port),
      identity: testIdentity({ cloud, datacenter, id: `${datacenter}-1` }, own),
      yaml: `cluster: { link: ${link}, pipes: { ip: 127.0.0.1, portMin: 30000, portMax: 39999 } }`,
      layersOff: options.layersOff?.(policy) ?? {},
      ...options.parts,
    });
    nodes.set(datacenter, node);
    return node;
  };
  const at = (datacenter: string): TestNode => {
    const node = nodes.get(datacenter);
    if (node === undefined) throw new Error(`no node runs at ${datacenter}`);
    return node;
  };
  const stop = async (datacenter: string): Promise<void> => {
    const node = at(datacenter);
    nodes.delete(datacenter);
    await node.close();
  };
  try {
    for (const datacenter of datacenters) await start(datacenter);
  } catch (error) {
    await Promise.all([...nodes.values()].map((node) => node.close()));
    throw error;
  }
  return {
    policy,
    enrolment,
    at,
    start,
    stop,
    token: (room, region, claims = {}) => {
      const [any] = nodes.values();
      if (any === undefined) throw new Error('no node runs');
      return any.token({ room, region, ...claims });
    },
    close: async () => {
      await Promise.all([...nodes.keys()].map(stop));
    },
  };
}
