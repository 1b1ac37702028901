import { brand } from '../ui/brand.ts';
import { textButton } from '../ui/button.ts';
import { el } from '../ui/dom.ts';
import { icon } from '../ui/icons.ts';
import { attemptList } from './attempts.ts';
import { shortDigest } from './digest.ts';
import { type Ending, tellingAttempts, wordsOf } from './ending.ts';

export interface EndActions {
  readonly onAgain: () => void;
  /** Absent where there is no lobby to go to (a join link is needed). */
  readonly onLobby?: () => void;
}

/** The last screen: what happened, by which rule, and what to do now. */
export function createEndScreen(ending: Ending, actions: EndActions): HTMLElement {
  const words = wordsOf(ending);
  const { onLobby } = actions;
  const againFirst = words.mayHelp || onLobby === undefined;
  const again = textButton({
    label: words.again ?? '',
    testid: 'again',
    kind: againFirst ? 'primary' : 'secondary',
    onClick: actions.onAgain,
  });
  const lobby =
    onLobby === undefined
      ? null
      : textButton({
          label: 'Back to the start',
          testid: 'to-lobby',
          kind: againFirst && words.again !== null ? 'secondary' : 'primary',
          onClick: onLobby,
        });
  const shown = [words.again === null ? null : again, lobby];
  const problem = ending.kind === 'problem' ? ending.problem : undefined;
  const attempts = tellingAttempts(ending);
  return el(
    'div',
    { class: 'screen', testid: 'end-screen', attrs: { 'data-code': problem?.code ?? 'left' } },
    el('header', { class: 'lobby-header' }, brand()),
    el(
      'main',
      { class: `card ${words.tone}` },
      el('div', { class: 'card-icon' }, icon(words.icon)),
      el('h1', { testid: 'end-title', attrs: { tabindex: -1, autofocus: true } }, words.title),
      el('p', { class: 'card-message', testid: 'end-message', attrs: { role: 'alert' } }, words.message),
      problem === undefined
        ? null
        : el(
            'dl',
            { class: 'facts' },
            ...fact('Code', problem.code, 'end-code'),
            ...fact('Rule', problem.rule, 'end-rule'),
            ...fact(
              'Policy',
              problem.policy === undefined ? undefined : shortDigest(problem.policy),
              'end-policy',
            ),
          ),
      attempts.length === 0 ? null : el('h2', {}, 'What was tried'),
      attempts.length === 0 ? null : attemptList(attempts),
      el('div', { class: 'card-actions' }, ...(againFirst ? shown : shown.reverse())),
    ),
  );
}

function fact(name: string, value: string | undefined, testid: string): HTMLElement[] {
  if (value === undefined || value === '') return [];
  return [el('dt', {}, name), el('dd', { testid }, el('code', {}, value))];
}
