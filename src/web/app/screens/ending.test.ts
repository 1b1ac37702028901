import { describe, expect, it } from 'vitest';
import { problemOfCatalogue } from '../../../client/problem.ts';
import { ERRORS } from '../../../protocol/errors.ts';
import { wordsOf } from './ending.ts';

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
    expect(words('room_ended').again).toBe(false);
    expect(words('room_locked').again).toBe(true);
    expect(wordsOf({ kind: 'left' }).again).toBe(true);
  });
  it('has words for a code of a newer server', () => {
    expect(words('not_invented_yet').title).toBe('You could not join');
  });
});
