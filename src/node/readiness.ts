import type { Locator } from '../geo/locator.ts';
import type { MediaEngine } from '../media/types.ts';
import type { Health } from '../observability/health.ts';

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
