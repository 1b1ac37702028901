import { describe, expect, test } from 'vitest';
import { Identities, MOST_WORDS } from './identities.ts';
import { RoomRules } from './room-rules.ts';

const label = (...evidence: string[]) => ({ home: 'us', evidence, regions: null });
const NOTHING = { keptOut: [], letIn: [], outgrown: [] };
const people = (what: string, count: number) => Array.from({ length: count }, (_, n) => `${what}-${n}`);
/** So many fit, by a label of one region. */
const MOST = MOST_WORDS / 2;

test('what somebody has outgrown here is known again by the word of another node alone, not by what is seen here', () => {
  const known = new Identities();
  known.decide('sub:bob', label('us'), { letIn: true });
  const [hashed = ''] = known.decisions.keys();
  known.merge({ ...NOTHING, outgrown: [{ label: label('us'), hashes: [hashed] }] }, []);
  known.relabel('sub:bob', label('eu', 'us'));
  known.decide('sub:bob', label('hk', 'us'), { letIn: true });
  expect(known.of('sub:bob')).toMatchObject({ label: label('eu', 'hk', 'us'), outgrown: true });
  known.merge({ ...NOTHING, letIn: [{ label: label('us'), hashes: [hashed] }] }, []);
  expect(known.of('sub:bob')).toMatchObject({ outgrown: true });
  known.merge({ ...NOTHING, letIn: [{ label: label('ap', 'us'), hashes: [hashed] }] }, []);
  expect(known.of('sub:bob')).toMatchObject({ label: label('ap', 'eu', 'hk', 'us'), outgrown: false });
});

test('who was let in once waits again where their label has grown by more than may be known', () => {
  const rules = new RoomRules();
  rules.letIn('sub:bob', label('us'));
  expect(rules.hasLetIn('sub:bob')).toBe(true);
  const hashes = [...rules.decisions.keys()];
  const outgrown = [{ label: label('us'), hashes }];
  rules.merge({ ...rules.state(null), ...NOTHING, outgrown }, []);
  expect(rules.hasLetIn('sub:bob')).toBe(false);
});

describe('what a room remembers of people is bounded', () => {
  const heard = (rules: RoomRules, what: 'keptOut' | 'letIn', hashes: string[], by = label('us')) =>
    rules.merge({ ...rules.state(null), ...NOTHING, [what]: [{ label: by, hashes }] }, []);

  test('who was let in longest ago waits again; who was removed never comes back by it', () => {
    const rules = new RoomRules();
    rules.keepOut('sub:eve', label('us'));
    rules.letIn('sub:ann', label('us'));
    rules.letIn('sub:bob', label('us'));
    heard(rules, 'letIn', people('first', MOST - 2));
    expect([rules.hasLetIn('sub:ann'), rules.decisions.size]).toEqual([true, MOST + 1]);
    // Seen again, by more: as one who was let in now.
    rules.letIn('sub:ann', label('eu', 'us'));
    heard(rules, 'letIn', people('more', 100));
    expect([rules.hasLetIn('sub:ann'), rules.hasLetIn('sub:bob')]).toEqual([true, false]);
    heard(rules, 'letIn', people('flood', 3 * MOST));
    expect(rules.hasLetIn('sub:ann')).toBe(false);
    expect([rules.keepsOut('sub:eve'), rules.locked]).toEqual([true, false]);
    expect(rules.decisions.size).toBe(MOST + 1);
  });

  test('of more who were removed the room stays locked, whoever unlocks it, and what was decided stays', () => {
    const rules = new RoomRules();
    rules.keepOut('sub:eve', label('us'));
    expect(heard(rules, 'keptOut', people('removed', MOST - 1))).toBe(false);
    expect(rules.locked).toBe(false);
    rules.letIn('sub:mallory', label('us'));
    const { version } = rules.state(null);
    expect(rules.keepOut('sub:mallory', label('us'))).toBe(true);
    expect(rules.state(null)).toMatchObject({ version: version + 1, locked: true });
    // The last ones are out by every session; those before them are kept out by the lock.
    expect([rules.keepsOut('sub:mallory'), rules.hasLetIn('sub:mallory')]).toEqual([true, false]);
    heard(rules, 'keptOut', people('flood', 1000));
    expect([rules.keepsOut('sub:mallory'), rules.hasLetIn('sub:mallory')]).toEqual([false, false]);
    expect([rules.lock(false), rules.locked]).toEqual([false, true]);
    rules.merge({ ...rules.state(null), ...NOTHING, version: version + 9, locked: false }, []);
    expect(rules.locked).toBe(true);
    expect([rules.keepsOut('sub:eve'), rules.decisions.size]).toEqual([true, MOST]);
  });

  test('by a flood of another node, too, and by labels that grow: nobody is told of those who did', () => {
    const rules = new RoomRules();
    expect(heard(rules, 'keptOut', people('removed', MOST))).toBe(false);
    expect(heard(rules, 'keptOut', people('removed', 1), label('eu', 'us'))).toBe(true);
    expect(rules.decisions.get('removed-0')).toEqual({
      label: label('us'),
      keptOut: true,
      letIn: false,
      outgrown: true,
    });
    heard(rules, 'keptOut', people('flood', 3 * MOST));
    expect(rules.decisions.size).toBe(MOST);
  });

  test('the longest labels, said of ten thousand people again and again, are read in no time', () => {
    const rules = new RoomRules();
    const start = performance.now();
    for (let n = 0; n < 3; n += 1) {
      const regions = people('region', 1000).slice(n);
      heard(rules, 'letIn', people('p', 10_000), { ...label('us'), regions } as never);
    }
    expect(performance.now() - start).toBeLessThan(3000);
  });
});
