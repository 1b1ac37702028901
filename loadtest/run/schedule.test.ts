import { expect, test } from 'vitest';
import { parseScenario } from '../scenario/load.ts';
import { populationOf } from './population.ts';
import { stepsOf } from './schedule.ts';

const FILE = new URL('../scenarios/test.yaml', import.meta.url).pathname;

/** Rooms in the order in which their people come in. */
function rooms(more: string): string[] {
  const scenario = parseScenario(
    `
name: test
policy: ../../config/policies/zoom-2020.yaml
rooms: [{ name: r, count: 3, members: [{ count: 2, region: eu }] }]
phases: [{ name: join, seconds: 6, present: 1${more} }]
`,
    FILE,
  );
  const [phase] = scenario.phases;
  if (phase === undefined) throw new Error('no phase');
  const steps = stepsOf(phase, populationOf(scenario, 'run'), new Set());
  expect(steps.map(({ at }) => at)).toEqual([0, 1, 2, 3, 4, 5]);
  return steps.map((step) => (step.do === 'join' ? step.person.room : step.do));
}

test('people come evenly over the rooms, or fill one after the other', () => {
  const [a, b, c] = ['lt-run-r-1', 'lt-run-r-2', 'lt-run-r-3'];
  expect(rooms('')).toEqual([a, b, c, a, b, c]);
  expect(rooms(', roomByRoom: true')).toEqual([a, a, b, b, c, c]);
});
