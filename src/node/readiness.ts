import { faultOf } from '../cluster/roster.ts';
import type { Locator } from '../geo/locator.ts';
import type { MediaEngine } from '../media/types.ts';
import type { Health } from '../observability/health.ts';
import type { CompiledPolicy } from '../policy/compile.ts';
import type { NodeRecord } from '../registry/port.ts';

/** What a node needs beside its policy before it may be in anybody's list. */
export interface ReadinessParts {
  readonly engine: Pick<MediaEngine, 'workers'>;
  readonly locator: Pick<Locator, 'status'>;
  /** Why the policy does not confirm this node; null where it does. */
  readonly membershipProblem: () => string | null;
  readonly draining: () => boolean;
}

const UNJUDGED = 'media is taken before the address that it comes from is judged: not for production';

/** What `/readyz` says of workers, address database, identity and draining. */
export function watchReadiness(health: Health, { engine, locator, ...node }: ReadinessParts): void {
  health.add('identity', node.membershipProblem);
  // Anyone can ask: what is wrong, and with which file, is for the log.
  health.add('geo', () => (locator.status().problem === null ? null : 'the address database cannot be used'));
  health.add('workers', () => (isServing(engine) ? null : 'no worker is running'));
  health.addWarning('workers', () => (judgesAddresses(engine) ? null : UNJUDGED));
  health.add('draining', () => (node.draining() ? 'the node is being drained' : null));
}

/** What is wrong with the addresses that a node announces, in the words of its configuration. */
const ADDRESS_FAULTS = {
  record_url:
    'nobody is sent to this node: http.publicUrl (else http.host) is neither the host of its datacenter in the policy nor under it',
  record_link:
    'no node dials this one: cluster.link is outside of what the policy has as media of its datacenter',
  record_unknown_datacenter: null,
} as const;

/** What `/readyz` warns of where nobody believes what the node says of itself. */
export function watchAddresses(
  health: Health,
  policy: () => CompiledPolicy | null,
  node: Pick<NodeRecord, 'datacenter' | 'url' | 'link'>,
): void {
  health.addWarning('address', () => {
    const running = policy();
    const fault = running === null ? null : faultOf(running, node);
    return fault === null ? null : ADDRESS_FAULTS[fault];
  });
}

/** Whether any worker runs. */
export function isServing(engine: Pick<MediaEngine, 'workers'>): boolean {
  return engine.workers().some(({ state }) => state === 'running');
}

/** Whether every worker judges the address that media comes from before it takes any. */
export function judgesAddresses(engine: Pick<MediaEngine, 'workers'>): boolean {
  return engine.workers().every((worker) => worker.judgesAddresses);
}

/** Without a database that it was given, it refuses every public address; the last good one goes on judging. */
export function canJudge(locator: Pick<Locator, 'status'>): boolean {
  const { configured, sha256 } = locator.status();
  return !configured || sha256 !== null;
}
