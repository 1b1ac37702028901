import type { Scenario } from '../scenario/load.ts';
import type { Fault, Phase } from '../scenario/schema.ts';
import type { Person } from './population.ts';

/** What is to happen at a moment of a phase, in seconds since it began. */
export type Step =
  | { readonly at: number; readonly do: 'join' | 'leave'; readonly person: Person }
  /** Somebody who is in leaves, and comes back as somebody new. */
  | { readonly at: number; readonly do: 'churn' }
  | { readonly at: number; readonly do: 'fault'; readonly fault: Fault };

/** Whether thresholds on media count in a phase. */
export function isMeasured({ measure, present }: Phase): boolean {
  return measure ?? present === undefined;
}

/**
 * The steps of one phase in order. Joins and leaves are spread evenly over it, and over the rooms unless it goes room
 * by room.
 * @param present who is in when the phase begins
 */
export function stepsOf(phase: Phase, people: readonly Person[], present: ReadonlySet<Person>): Step[] {
  const steps: Step[] = phase.faults.map((fault) => ({ at: fault.at, do: 'fault', fault }));
  if (phase.present !== undefined) {
    const groups = new Map<number, Person[]>();
    for (const person of people) groups.set(person.group, [...(groups.get(person.group) ?? []), person]);
    const changes: { order: number; do: 'join' | 'leave'; person: Person }[] = [];
    for (const group of groups.values()) {
      const wanted = Math.round(group.length * phase.present);
      group.forEach((person, index) => {
        const order = phase.roomByRoom ? 0 : index / group.length;
        if (index < wanted && !present.has(person)) changes.push({ order, do: 'join', person });
        if (index >= wanted && present.has(person)) changes.push({ order, do: 'leave', person });
      });
    }
    changes.sort((a, b) => a.order - b.order || a.person.index - b.person.index);
    changes.forEach(({ do: what, person }, index) => {
      steps.push({ at: (phase.seconds * index) / changes.length, do: what, person });
    });
  }
  const turns = Math.floor(phase.seconds * phase.churn);
  for (let turn = 0; turn < turns; turn += 1) steps.push({ at: (turn + 0.5) / phase.churn, do: 'churn' });
  return steps.sort((a, b) => a.at - b.at);
}

/** Beginning and end of each phase, in seconds since the run began. */
export function timesOf({ phases }: Pick<Scenario, 'phases'>) {
  let from = 0;
  return phases.map((phase) => {
    const begun = from;
    from += phase.seconds;
    return { name: phase.name, from: begun, to: from, measured: isMeasured(phase) };
  });
}
