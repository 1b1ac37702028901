import type { IdentitiesState, Meet, SharedState, Update } from './messages.ts';
import { firstPortion, PORTION, portions } from './portions.ts';

/** What is told of a room, whichever it is. */
export type Told = Omit<Update, 'room'>;

/** An update in as many as it takes for each to fit into a message: who is gone first. None where it says nothing. */
export function updatesOf({ gone = [], members = [], waiting, shared, ...rest }: Told): Told[] {
  const [firstGone = [], ...moreGone] = portions(gone);
  const [firstMembers = [], ...moreMembers] = portions(members);
  const [firstShared, ...moreShared] = shared === undefined ? [] : sharedPortions(shared);
  const updates: Told[] = [
    ...moreGone.map((portion) => ({ gone: portion })),
    {
      ...rest,
      ...(firstGone.length > 0 && { gone: firstGone }),
      ...(firstMembers.length > 0 && { members: firstMembers }),
      ...(waiting !== undefined && { waiting: firstPortion(waiting) }),
      ...(firstShared !== undefined && { shared: firstShared }),
    },
    ...moreMembers.map((portion) => ({ members: portion })),
    ...moreShared.map((portion) => ({ shared: portion })),
  ];
  return updates.filter((update) => Object.keys(update).length > 0);
}

/** An introduction as far as a message carries it, and what comes right behind it. */
export function introductionOf({ members, waiting, shared, ...meet }: Omit<Meet, 'others'>): {
  readonly meet: Meet;
  readonly rest: Told[];
} {
  const [first = [], ...others] = portions(members);
  const [firstShared = shared, ...moreShared] = sharedPortions(shared);
  return {
    meet: {
      ...meet,
      members: first,
      others: others.flat().map(({ peerId }) => peerId),
      waiting: firstPortion(waiting),
      shared: firstShared,
    },
    rest: [
      ...others.map((portion) => ({ members: portion })),
      ...moreShared.map((portion) => ({ shared: portion })),
    ],
  };
}

/** Splits what is shared into what fits into one message each; of whom no more is to be told comes behind what is told. */
function sharedPortions({ keptOut, letIn, outgrown, ...rules }: SharedState): SharedState[] {
  const items = [
    ...chunks(keptOut).map((group) => ({ list: 'keptOut' as const, group })),
    ...chunks(letIn).map((group) => ({ list: 'letIn' as const, group })),
    ...chunks(outgrown).map((group) => ({ list: 'outgrown' as const, group })),
  ];
  const [first = [], ...more] = portions(items);
  return [first, ...more].map((portion) => {
    const state: SharedState = { ...rules, keptOut: [], letIn: [], outgrown: [] };
    for (const { list, group } of portion) state[list].push(group);
    return state;
  });
}

/** People of one label, so many that a portion has a place for them. */
function chunks(groups: IdentitiesState): IdentitiesState {
  return groups.flatMap(({ label, hashes }) =>
    Array.from({ length: Math.ceil(hashes.length / PORTION) }, (_, n) => ({
      label,
      hashes: hashes.slice(n * PORTION, (n + 1) * PORTION),
    })),
  );
}
