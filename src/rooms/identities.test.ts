import { expect, test } from 'vitest';
import { Identities } from './identities.ts';
import { RoomRules } from './room-rules.ts';

const label = (...evidence: string[]) => ({ home: 'us', evidence, regions: null });

test('what somebody has outgrown here is known again by the word of another node alone, not by what is seen here', () => {
  const people = new Identities();
  people.decide('sub:bob', label('us'), { letIn: true });
  const [hashed = ''] = people.decisions.keys();
  const nothing = { keptOut: [], letIn: [], outgrown: [] };
  people.merge({ ...nothing, outgrown: [{ label: label('us'), hashes: [hashed] }] }, []);
  people.relabel('sub:bob', label('eu', 'us'));
  people.decide('sub:bob', label('hk', 'us'), { letIn: true });
  expect(people.of('sub:bob')).toMatchObject({ label: label('eu', 'hk', 'us'), outgrown: true });
  people.merge({ ...nothing, letIn: [{ label: label('us'), hashes: [hashed] }] }, []);
  expect(people.of('sub:bob')).toMatchObject({ outgrown: true });
  people.merge({ ...nothing, letIn: [{ label: label('ap', 'us'), hashes: [hashed] }] }, []);
  expect(people.of('sub:bob')).toMatchObject({ label: label('ap', 'eu', 'hk', 'us'), outgrown: false });
});

test('who was let in once waits again where their label has grown by more than may be known', () => {
  const rules = new RoomRules();
  rules.letIn('sub:bob', label('us'));
  expect(rules.hasLetIn('sub:bob')).toBe(true);
  const hashes = [...rules.decisions.keys()];
  const people = { keptOut: [], letIn: [], outgrown: [{ label: label('us'), hashes }] };
  rules.merge({ ...rules.state(null), ...people }, []);
  expect(rules.hasLetIn('sub:bob')).toBe(false);
});
