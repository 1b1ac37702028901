import { describe, expect, it } from 'vitest';
import type { Label } from '../../policy/model.ts';
import { Identities } from '../../rooms/identities.ts';
import { type AboutPeople, DecisionsTold } from './decisions-told.ts';

const US = { home: 'us', evidence: ['us'], regions: null };
const NOTHING = { keptOut: [], letIn: [], outgrown: [] };
const ofPeople = (label: typeof US, hashes: string[]) => [{ label, hashes }];
const people = (what: string, count: number) => Array.from({ length: count }, (_, n) => `${what}-${n}`);

/** Decisions here, and what another node was told of them. */
function setUp() {
  const [identities, told] = [new Identities(), new DecisionsTold()];
  identities.onDecided = (hash) => told.decided(hash, identities.decisions);
  let looks = 0;
  const mayKnow = (_label: Label) => {
    looks += 1;
    return true;
  };
  return {
    told,
    keepOut: (hashes: string[], label = US) =>
      identities.merge({ ...NOTHING, keptOut: ofPeople(label, hashes) }, []),
    outgrow: (hashes: string[]) => identities.merge({ ...NOTHING, outgrown: ofPeople(US, hashes) }, []),
    hear: (said: Partial<AboutPeople>, may = mayKnow) => {
      const about = { ...NOTHING, ...said };
      identities.merge(about, []);
      told.heard(about, identities.decisions);
      return told.fresh(identities.decisions, may);
    },
    fresh: (may = mayKnow) => told.fresh(identities.decisions, may),
    looks: () => {
      const before = looks;
      looks = 0;
      return before;
    },
    identities,
  };
}

describe('what another node was told of people', () => {
  it('is looked at again for those alone of whom there is something new', () => {
    const here = setUp();
    here.keepOut(people('removed', 1000));
    expect(here.fresh().keptOut).toEqual(ofPeople(US, people('removed', 1000)));
    expect(here.looks()).toBe(1000);
    here.keepOut(['one-more']);
    expect(here.fresh()).toEqual({ ...NOTHING, keptOut: ofPeople(US, ['one-more']) });
    expect(here.looks()).toBe(1);
    expect(here.fresh()).toEqual(NOTHING);
    expect(here.looks()).toBe(0);
  });

  it('is looked at again for everyone where another policy may allow more, or it may have forgotten', () => {
    const here = setUp();
    here.keepOut(people('removed', 10));
    expect(here.fresh(() => false)).toEqual(NOTHING);
    expect(here.fresh()).toEqual(NOTHING);
    for (const again of [() => here.told.lookAgain(), () => here.told.forget()]) {
      again();
      expect(here.fresh().keptOut).toEqual(ofPeople(US, people('removed', 10)));
    }
  });

  it('is told with the word that there is more to know, of whom it said that it knows more itself', () => {
    const here = setUp();
    here.keepOut(['ann']);
    here.fresh();
    here.told.heard({ ...NOTHING, outgrown: ofPeople(US, ['ann']) }, here.identities.decisions);
    here.outgrow(['ann']);
    here.told.forget();
    const said = here.fresh();
    expect(said).toEqual({ ...NOTHING, keptOut: ofPeople(US, ['ann']), outgrown: ofPeople(US, ['ann']) });
    // One that knows nothing any more is not to tell others, and one that knows the whole is not misled.
    const [anew, whole] = [new Identities(), new Identities()];
    whole.merge({ ...NOTHING, letIn: ofPeople({ ...US, evidence: ['hk', 'us'] }, ['ann']) }, []);
    for (const there of [anew, whole]) there.merge(said, []);
    expect(anew.decisions.get('ann')).toMatchObject({ keptOut: true, outgrown: true });
    expect(whole.decisions.get('ann')).toMatchObject({ keptOut: true, outgrown: false });
  });
});

describe('what another node said of people of whom nothing is decided here', () => {
  const GROWN = { ...US, evidence: ['cn', 'us'] };
  /** Whom it is told that they have grown, once they are removed here by a label that it may not know. */
  const told = (here: ReturnType<typeof setUp>, hashes: string[]) => {
    here.keepOut(hashes, GROWN);
    return here.fresh(() => false).outgrown.flatMap((group) => group.hashes);
  };

  it('is remembered, so that it hears when they have grown', () => {
    const here = setUp();
    here.told.heard({ ...NOTHING, keptOut: ofPeople(US, people('p', 10)) }, here.identities.decisions);
    expect(told(here, people('p', 10))).toEqual(people('p', 10));
  });

  it('is remembered of so many alone: of the last ones, by as much as their labels take', () => {
    const here = setUp();
    here.keepOut(['decided']);
    here.fresh();
    const wide = { ...US, evidence: people('region', 999) };
    here.told.heard({ ...NOTHING, keptOut: ofPeople(US, ['decided', 'first']) }, here.identities.decisions);
    for (const [n, hash] of people('wide', 100).entries()) {
      const list = n % 2 === 0 ? 'keptOut' : 'outgrown';
      here.told.heard({ ...NOTHING, [list]: ofPeople(wide, [hash]) }, here.identities.decisions);
    }
    here.told.heard({ ...NOTHING, keptOut: ofPeople(US, ['last']) }, here.identities.decisions);
    expect(told(here, ['decided', 'first', 'last'])).toEqual(['decided', 'last']);
    const most = people('p', 60_000);
    for (let n = 0; n < most.length; n += 1000) {
      const some = ofPeople(US, most.slice(n, n + 1000));
      here.told.heard({ ...NOTHING, letIn: some }, here.identities.decisions);
    }
    expect(told(here, ['p-0', 'p-34999', 'p-35000', 'p-59999'])).toEqual(['p-35000', 'p-59999']);
  });

  it('is bounded too where it was taken, and is forgotten here since', () => {
    const here = setUp();
    const flood = people('p', 100_000);
    for (let n = 0; n < flood.length; n += 10_000)
      here.hear({ letIn: ofPeople(US, flood.slice(n, n + 10_000)) });
    expect(here.identities.decisions.size).toBe(25_000);
    expect(told(here, ['p-0', 'p-60000', 'p-99999'])).toEqual(['p-60000', 'p-99999']);
  });
});
