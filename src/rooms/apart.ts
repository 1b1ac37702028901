import type { Verdict } from '../cluster/types.ts';

/** The room's rule over all its nodes lets a newcomer not in, or not here: what it is told. */
export class Apart extends Error {
  readonly verdict: Exclude<Verdict, { kind: 'admit' }>;

  constructor(verdict: Exclude<Verdict, { kind: 'admit' }>) {
    super('the room cannot include this session here');
    this.name = 'Apart';
    this.verdict = verdict;
  }
}
