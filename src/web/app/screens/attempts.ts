import type { Attempt } from '../../../client/connector.ts';
import { el } from '../ui/dom.ts';
import { icon } from '../ui/icons.ts';

const OUTCOMES: Record<Attempt['outcome'], string> = {
  admitted: 'admitted',
  redirected: 'sent elsewhere',
  refused: 'refused',
  timeout: 'no answer in time',
  unreachable: 'not reachable',
};

/** One line: which datacenter was tried, and what it said. */
export function attemptLine(attempt: Attempt): HTMLElement {
  const good = attempt.outcome === 'admitted';
  const code = attempt.code === null ? null : el('code', {}, attempt.code);
  return el(
    'li',
    {
      class: `attempt ${good ? 'good' : 'bad'}`,
      testid: 'attempt',
      attrs: { 'data-datacenter': attempt.datacenter, 'data-outcome': attempt.outcome },
    },
    icon(good ? 'check' : 'close'),
    el('span', { class: 'attempt-where' }, attempt.datacenter || 'node'),
    el('span', { class: 'attempt-region' }, attempt.region),
    el('span', { class: 'attempt-outcome' }, OUTCOMES[attempt.outcome], code === null ? null : ' ', code),
    el('span', { class: 'attempt-time' }, `${attempt.milliseconds} ms`),
  );
}

export function attemptList(attempts: readonly Attempt[]): HTMLElement {
  return el('ol', { class: 'attempts', testid: 'attempts' }, ...attempts.map(attemptLine));
}
