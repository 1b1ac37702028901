import { readFileSync } from 'node:fs';
import type { Evidence } from '../../geo/locator.ts';
import { plainSealer } from '../../identity/sealer.ts';
import { type CompiledPolicy, compilePolicy } from '../../policy/compile.ts';
import type { Policy } from '../../policy/model.ts';
import { parsePolicy } from '../../policy/parse.ts';
import { MemoryRegistry, MemoryStore } from '../../registry/memory.ts';
import type { NodeEntry, NodeRecord } from '../../registry/port.ts';
import { signDirectoryList } from '../../tokens/directory-signature.ts';
import { issueJoinToken, type JoinTokenClaims } from '../../tokens/issue.ts';
import { generateSigningKey, type SigningKey } from '../../tokens/keys.ts';
import { createTokenVerifier } from '../../tokens/verify.ts';
import { type AdmissionDeps, createAdmission } from '../admission.ts';
import type { Decision } from '../decision.ts';
import { CACHE_MS, createRoster } from '../roster.ts';
import type { Admission } from '../types.ts';

/** The policy of the story, as it should be; `change` edits its text. */
export function zoom2020(change: (text: string) => string = (text) => text): CompiledPolicy {
  const file = new URL('../../../config/policies/zoom-2020.yaml', import.meta.url);
  return policyOf(change(readFileSync(file, 'utf8')));
}

export function policyOf(text: string): CompiledPolicy {
  const parsed = parsePolicy(text, 'policy.yaml');
  if (!parsed.ok) throw new Error(parsed.faults.map((f) => `${f.line}:${f.column} ${f.message}`).join('\n'));
  return compilePolicy(parsed.policy);
}

export function withPolicy(p: CompiledPolicy, change: Partial<Policy>): CompiledPolicy {
  return compilePolicy({ ...p.policy, ...change });
}

/** The policy with another fence around one region; throws for a region that it does not have. */
export function withFence(
  p: CompiledPolicy,
  region: string,
  admits: 'any' | readonly string[],
  version = p.policy.version,
): CompiledPolicy {
  const fenced = p.policy.regions.get(region);
  if (fenced === undefined) throw new Error(`no region ${region}`);
  return withPolicy(p, { version, regions: new Map(p.policy.regions).set(region, { ...fenced, admits }) });
}

/** Addresses of documentation networks, each in a country. */
export const FROM = {
  us: '192.0.2.1',
  de: '198.51.100.1',
  cn: '203.0.113.1',
  hk: '192.0.2.129',
  /** A country that no region lists. */
  jp: '198.51.100.129',
  /** Gives no evidence. */
  none: '127.0.0.1',
  /** Nothing may be concluded from it. */
  refused: '10.0.0.1',
} as const;

const COUNTRIES = new Map<string, string>([
  [FROM.us, 'US'],
  [FROM.de, 'DE'],
  [FROM.cn, 'CN'],
  [FROM.hk, 'HK'],
  [FROM.jp, 'JP'],
]);

export const locator = {
  locate(address: string): Evidence {
    if (address === FROM.none || address === '::1') return { kind: 'none' };
    const country = COUNTRIES.get(address);
    return country === undefined ? { kind: 'refused', reason: 'private' } : { kind: 'country', country };
  },
};

/** Everything that admission of one node needs, real but for geography and clock. */
export interface Door {
  readonly admission: Admission;
  readonly decisions: Decision[];
  readonly registry: MemoryRegistry;
  readonly directoryKey: SigningKey;
  readonly issuerKey: SigningKey;
  /** Every error that was nobody's decision. */
  readonly defects: unknown[];
  /** The policy of now; null for none. Assign to switch. */
  policy: CompiledPolicy | null;
  /** Whether a newer policy was seen that this node does not run. */
  behind: boolean;
  /** Milliseconds since the epoch. Assign to travel. */
  now: number;
  token(
    claims?: Partial<JoinTokenClaims>,
    options?: { ttlSeconds?: number; jti?: string; cloud?: string },
  ): Promise<string>;
  /** Puts exactly these datacenters up, one ready node each. */
  up(datacenters: readonly string[]): Promise<void>;
}

export const ISSUER = 'https://issuer.example.net';

export async function createDoor(
  here: string,
  policy: CompiledPolicy = zoom2020(),
  over: Partial<Pick<AdmissionDeps, 'roster' | 'common'>> = {},
): Promise<Door> {
  const issuerKey = generateSigningKey();
  const directoryKey = generateSigningKey();
  const registry = new MemoryRegistry(new MemoryStore(() => 0));
  const decisions: Decision[] = [];
  const defects: unknown[] = [];
  // Nothing is taken from the cache: what a test puts up is seen at once.
  let reading = 0;
  const state: Pick<Door, 'policy' | 'behind' | 'now'> = {
    policy,
    behind: false,
    now: Date.UTC(2026, 10, 24),
  };
  const verifier = createTokenVerifier({
    cloud: policy.policy.cloud,
    issuers: [{ issuer: ISSUER, keys: [issuerKey] }],
    maxAgeSeconds: 86_400,
    clock: () => state.now,
  });
  const admission = createAdmission({
    datacenter: here,
    policy: () => state.policy,
    behind: () => state.behind,
    roster: createRoster({ registry, sealer: plainSealer(), now: () => (reading += CACHE_MS) }),
    tokens: verifier,
    locator,
    sign: (list) => signDirectoryList(directoryKey, list),
    now: () => state.now,
    decisions: { record: (decision) => decisions.push(decision) },
    onError: (error) => defects.push(error),
    ...over,
  });
  const door: Door = {
    admission,
    decisions,
    registry,
    directoryKey,
    issuerKey,
    defects,
    get policy() {
      return state.policy;
    },
    set policy(next) {
      state.policy = next;
    },
    get behind() {
      return state.behind;
    },
    set behind(next) {
      state.behind = next;
    },
    get now() {
      return state.now;
    },
    set now(next) {
      state.now = next;
    },
    token: (claims = {}, { ttlSeconds = 3600, jti, cloud = policy.policy.cloud } = {}) =>
      issueJoinToken(
        { issuer: ISSUER, cloud, key: issuerKey },
        { room: 'standup', role: 'participant', ...claims },
        { ttlSeconds, now: state.now, ...(jti === undefined ? {} : { jti }) },
      ),
    async up(datacenters) {
      for (const node of await registry.nodes(policy.datacenterNames)) await registry.withdraw(node);
      for (const datacenter of datacenters) await registry.announce(entryOf(nodeOf(policy, datacenter)), 1);
    },
  };
  await door.up([...policy.datacenterNames]);
  return door;
}

export function nodeOf(p: CompiledPolicy, datacenter: string, over: Partial<NodeRecord> = {}): NodeRecord {
  return {
    id: `node-${datacenter}`,
    datacenter,
    url: p.policy.datacenters.get(datacenter)?.url ?? 'wss://nowhere.example.net',
    link: null,
    epoch: 1,
    sequence: 0,
    calls: [],
    state: 'ready',
    load: 0.1,
    accepting: true,
    policy: p.digest,
    version: '0.1.0',
    ...over,
  };
}

/** As a standalone node announces it. */
export function entryOf(record: NodeRecord): NodeEntry {
  const { id, datacenter, load } = record;
  return { id, datacenter, load, body: plainSealer().seal(record) };
}
