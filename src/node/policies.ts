import { Counter, type Registry as MetricsRegistry } from 'prom-client';
import type { NodeConfig } from '../config/schema.ts';
import type { Health } from '../observability/health.ts';
import type { BundleCode } from '../policy/bundle.ts';
import type { CompiledPolicy } from '../policy/compile.ts';
import { EXPIRY_WARNING_MS } from '../policy/warnings.ts';
import { PlainPolicy } from './plain-policy.ts';
import { PolicyKeeper } from './policy-keeper.ts';
import { type NodePolicy, POLICY_SOURCES, type PolicyEvent } from './policy-port.ts';

const FORKED: BundleCode = 'bundle_forked_version';

interface PolicyLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

interface PolicyDeps {
  readonly log: PolicyLog;
  readonly metrics: MetricsRegistry;
}

/**
 * The policy that the configuration names: bundles where it has trust roots, a plain file in development. Rejects
 * where a plain file is refused, or bundles cannot be kept.
 */
export async function startPolicy(config: NodeConfig, { log, metrics }: PolicyDeps): Promise<NodePolicy> {
  const { file, bundle, signers, stateDir } = config.policy;
  const { cloud } = config.node;
  const onEvent = reporter(log, metrics);
  if (file !== null) return PlainPolicy.start({ file, cloud, onEvent });
  if (cloud === null || stateDir === null)
    throw new Error('policy: bundles need node.cloud and policy.stateDir');
  return PolicyKeeper.start({ cloud, signers, directory: stateDir, file: bundle, now: Date.now, onEvent });
}

/** A policy that is compiled already and never switches: for compositions that bring their own. */
export function fixedPolicy(policy: CompiledPolicy): NodePolicy {
  return {
    cloud: policy.policy.cloud,
    running: () => policy,
    current: () => policy,
    status: () => ({
      running: { version: policy.policy.version, digest: policy.digest },
      problem: null,
      refused: null,
    }),
    bundle: () => null,
    offer: async () => ({ kind: 'refused', code: 'bundle_unknown_key' }),
    reload: async () => ({ kind: 'unchanged' }),
    onSwitch: () => () => undefined,
    close: async () => undefined,
  };
}

/** Region of the node's own datacenter by the policy of now; empty while the policy has no such datacenter. */
export function ownRegion(policy: NodePolicy, datacenter: string): string {
  return policy.running()?.policy.datacenters.get(datacenter)?.region ?? '';
}

/**
 * Throws when the policy has no such place as the configuration names. A node without a policy waits for one, and
 * one whose place a later policy takes away is not ready.
 */
export function assertSite(policy: NodePolicy, datacenter: string): void {
  const running = policy.running();
  if (running === null || running.policy.datacenters.has(datacenter)) return;
  const known = running.datacenterNames.join(', ');
  throw new Error(`node.datacenter: the policy has no datacenter "${datacenter}"; it has: ${known}`);
}

/** What `/readyz` says of the policy. Codes alone: messages quote what others sent. */
export function watchPolicyHealth(health: Health, policy: NodePolicy, datacenter: string): void {
  health.add('policy', () => {
    const { problem } = policy.status();
    const running = policy.running();
    if (problem !== null || running === null) return problem ?? 'no policy yet';
    if (!running.policy.datacenters.has(datacenter)) return 'the policy has no datacenter of this name';
    const { expires } = running.policy;
    return expires !== null && Date.now() >= expires ? 'the policy has expired' : null;
  });
  health.addWarning('policy', () => {
    const { refused } = policy.status();
    return refused && `a policy from the ${refused.from} was refused: ${refused.code}`;
  });
  health.addWarning('policy-expiry', () => {
    const expires = policy.running()?.policy.expires ?? null;
    if (expires === null || expires - Date.now() > EXPIRY_WARNING_MS) return null;
    return `the policy expires at ${new Date(expires).toISOString()}`;
  });
}

function reporter(log: PolicyLog, metrics: MetricsRegistry): (event: PolicyEvent) => void {
  const offers = new Counter({
    name: 'watershed_policy_offers_total',
    help: 'Policies that were taken (switched) or refused, by source and code.',
    labelNames: ['source', 'result'],
    registers: [metrics],
  });
  // An alarm rings at the first: a series that began with it would not show that it grew.
  for (const source of POLICY_SOURCES) offers.inc({ source, result: FORKED }, 0);
  return (event) => {
    switch (event.kind) {
      case 'switched': {
        const { from, version, digest, signers } = event;
        offers.inc({ source: from, result: 'switched' });
        log.info({ policy: digest, version, source: from, signers }, 'policy switched');
        return;
      }
      case 'refused': {
        const { from, code, message } = event;
        offers.inc({ source: from, result: code });
        const fields = { source: from, code, reason: message };
        if (code === FORKED) log.error(fields, 'two policies of one version are signed');
        else log.warn(fields, 'policy refused');
        return;
      }
      case 'failed':
        log.error({ err: event.error }, 'a switch of policy was not carried through');
        return;
    }
  };
}
