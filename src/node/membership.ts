import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NodeConfig } from '../config/schema.ts';
import { type Trust, verifyNodeCertificate } from '../identity/certificate.ts';
import { loadIdentity, type NodeIdentity } from '../identity/identity.ts';
import { plainSealer, type RecordSealer, signedSealer } from '../identity/sealer.ts';
import type { CompiledPolicy } from '../policy/compile.ts';
import type { NodePolicy } from './policy-port.ts';

/** What makes a process a node of its cloud in the eyes of the others. */
export interface Membership {
  /** Null for a standalone node. */
  readonly identity: NodeIdentity | null;
  readonly trust: Trust;
  readonly sealer: RecordSealer;
  /** Of this start; see `NodeRecord`. */
  readonly epoch: number;
  /** Why the policy of this moment does not confirm this node where it says that it stands; null where it does. */
  problem(): string | null;
}

/** The certificate and key that the configuration names; null where it names none. Rejects, with the reason. */
export async function configuredIdentity({ cluster }: NodeConfig): Promise<NodeIdentity | null> {
  const { certificate, key } = cluster;
  return certificate !== null && key !== null ? loadIdentity({ certificate, key }) : null;
}

/**
 * Rejects when the certificate is for another datacenter, cloud or node than the configuration. Whether the policy
 * confirms it is another question, and asked at every use.
 */
export async function joinCloud(
  config: NodeConfig,
  policy: NodePolicy,
  identity: NodeIdentity | null,
): Promise<Membership> {
  if (identity !== null) assertOwn(identity, config, policy.cloud);
  const trust: Trust = {
    cloud: policy.cloud,
    enrolmentKey: (datacenter) => policy.running()?.policy.datacenters.get(datacenter)?.key ?? null,
    now: Date.now,
  };
  let good: { policy: CompiledPolicy | null; expiresAt: number } | null = null;
  return {
    identity,
    trust,
    sealer: identity === null ? plainSealer() : signedSealer(identity, trust),
    epoch: await nextEpoch(config.policy.stateDir, Date.now()),
    problem: () => {
      if (identity === null) return null;
      const running = policy.running();
      // Asked at every decision: verified once for each policy.
      if (good !== null && good.policy === running && Date.now() < good.expiresAt) return null;
      const verified = verifyNodeCertificate(identity.certificate, trust);
      good = verified.ok ? { policy: running, expiresAt: verified.expiresAt } : null;
      return verified.ok ? null : `the policy does not confirm this node: ${verified.reason}`;
    },
  };
}

function assertOwn(identity: NodeIdentity, { node }: NodeConfig, cloud: string): void {
  const wrong = (what: string, certified: string, configured: string): Error =>
    new Error(`cluster.certificate: it is for the ${what} ${certified}, and this node is ${configured}`);
  if (identity.cloud !== cloud) throw wrong('cloud', identity.cloud, `of ${cloud}`);
  if (identity.datacenter !== node.datacenter) {
    throw wrong('datacenter', identity.datacenter, `at ${node.datacenter}`);
  }
  if (node.id !== null && node.id !== identity.id) throw wrong('node', identity.id, node.id);
}

/**
 * A number above that of every earlier start of this node: the time of its own clock, and where that was set back,
 * one more than the last, which is kept in the state directory. Clocks of different nodes are never compared.
 */
export async function nextEpoch(stateDir: string | null, now: number): Promise<number> {
  if (stateDir === null) return now;
  await mkdir(stateDir, { recursive: true });
  const file = join(stateDir, 'node-epoch');
  const last = Number(await readFile(file, 'utf8').catch(() => '0'));
  const epoch = Number.isSafeInteger(last) && last >= now ? last + 1 : now;
  await writeFile(`${file}.new`, `${epoch}\n`);
  await rename(`${file}.new`, file);
  return epoch;
}
