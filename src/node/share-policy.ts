import { z } from 'zod';
import type { Link, Links } from '../links/types.ts';
import type { Registry } from '../registry/port.ts';
import type { NodePolicy, PolicySource } from './policy-port.ts';

/** How often the registry is looked at for a bundle that no node link brought, in ms. */
const LOOK_MS = 10_000;
const MAX_BASE64 = 900_000;
/** Refusals after which this node's own bundle is put in the place of what stood there. */
const REPLACED: ReadonlySet<string> = new Set(['bundle_old_version', 'bundle_malformed']);

const haveSchema = z.object({ version: z.int().nonnegative() });
const bundleSchema = z.object({ bundle: z.base64().max(MAX_BASE64).nullable() });

export interface SharePolicyDeps {
  readonly policy: Pick<NodePolicy, 'running' | 'bundle' | 'offer' | 'onSwitch'>;
  readonly registry: Pick<Registry, 'bundle' | 'putBundle'>;
  readonly links: Pick<Links, 'up' | 'onRequest' | 'onNotice' | 'onChange'>;
  readonly log: { warn(fields: object, message: string): void };
  readonly lookMs?: number;
}

/**
 * Brings a newer policy to every node of the cloud: over node links as soon as one runs it, and by the registry.
 * Nobody is believed: what is brought is offered to this node's own judge of signatures, version and proof. Returns
 * what ends it.
 */
export function sharePolicy({ policy, registry, links, log, lookMs = LOOK_MS }: SharePolicyDeps): () => void {
  const version = (): number => policy.running()?.policy.version ?? 0;
  const tell = (link: Link): void => {
    if (policy.bundle() !== null) link.notice('policy.have', { version: version() });
  };
  const failed = (from: PolicySource) => (error: unknown) =>
    log.warn({ err: error, from }, 'a policy could not be had');

  links.onRequest('policy.get', () => {
    const bundle = policy.bundle();
    return { bundle: bundle === null ? null : Buffer.from(bundle).toString('base64') };
  });
  links.onNotice('policy.have', (from, data) => {
    if (haveSchema.parse(data).version <= version()) return;
    from
      .request('policy.get', {})
      .then((answer) => {
        const { bundle } = bundleSchema.parse(answer);
        return bundle === null ? null : policy.offer(Buffer.from(bundle, 'base64'), 'link');
      })
      .catch(failed('link'));
  });
  links.onChange((link, state) => {
    if (state === 'up') tell(link);
  });

  const put = async (): Promise<void> => {
    const bundle = policy.bundle();
    if (bundle !== null) await registry.putBundle(bundle);
  };
  /** What stands in the registry is offered; where it is nothing, nonsense or older, it is replaced. */
  const look = async (): Promise<void> => {
    const bundle = await registry.bundle();
    if (bundle === null) return put();
    const offered = await policy.offer(bundle, 'registry');
    if (offered.kind === 'refused' && REPLACED.has(offered.code)) await put();
  };
  const offSwitch = policy.onSwitch(() => {
    for (const link of links.up()) tell(link);
    put().catch(failed('registry'));
  });
  const timer = setInterval(() => void look().catch(failed('registry')), lookMs);
  look().catch(failed('registry'));
  return () => {
    clearInterval(timer);
    offSwitch();
  };
}
