import { describe, expect, it } from 'vitest';
import { problemOfCatalogue } from '../../../client/problem.ts';
import { ERRORS } from '../../../protocol/errors.ts';
import { tellingAttempts, wordsOf } from './ending.ts';

const words = (code: string) => wordsOf({ kind: 'problem', problem: problemOfCatalogue(code), attempts: [] });

describe('wordsOf', () => {
  it.each(Object.keys(ERRORS))('%s: a title, and the message of the catalogue', (code) => {
    const { title, message } = words(code);
    expect(title).not.toBe('');
    expect(message).toBe(problemOfCatalogue(code).message);
  });
  it('says so when the policy keeps somebody out', () => {
    expect(words('region_refused')).toMatchObject({
      title: 'You cannot be served from here',
      tone: 'danger',
    });
  });
  it('does not offer to come back to a meeting that is over', () => {
    expect(words('room_ended').again).toBeNull();
    expect(words('room_locked')).toMatchObject({ again: 'Try again', mayHelp: true });
    expect(words('region_refused')).toMatchObject({ again: 'Try again', mayHelp: false });
    expect(wordsOf({ kind: 'left' }).again).toBe('Join again');
  });
  it('has words for a code of a newer server', () => {
    expect(words('not_invented_yet').title).toBe('You could not join');
  });
});

describe('tellingAttempts', () => {
  const attempt = {
    n: 1,
    datacenter: 'sjc',
    region: 'us',
    url: 'wss://sjc.example.net',
    code: null,
    milliseconds: 9,
  };
  const ending = (...outcomes: ('admitted' | 'timeout')[]) => ({
    kind: 'problem' as const,
    problem: problemOfCatalogue('removed'),
    attempts: outcomes.map((outcome) => ({ ...attempt, outcome })),
  });
  it('is silent when the first try went well', () => {
    expect(tellingAttempts(ending('admitted'))).toEqual([]);
  });
  it('tells all when one did not', () => {
    expect(tellingAttempts(ending('timeout', 'admitted'))).toHaveLength(2);
  });
});
