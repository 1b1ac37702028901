import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/config/fault.ts';
import { durationOf, loadScenario, parseScenario, participantsOf, shortened } from './load.ts';

const SCENARIOS = join(import.meta.dirname, '..', 'scenarios');
const BASE = `name: small
policy: ../../config/policies/zoom-2020.yaml
rooms:
  - name: room
    members:
      - { count: 2, region: us, publish: [microphone] }
phases:
  - { name: join, seconds: 4, present: 1 }
  - { name: talk, seconds: 10 }
`;

function faultsOf(text: string): string[] {
  try {
    parseScenario(text, join(SCENARIOS, 'x.yaml'));
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.faults.map(({ where, message }) => `${where.split(':').slice(-2).join(':')} ${message}`);
  }
}

describe('scenarios', () => {
  test('each that comes along can be played', () => {
    const files = [SCENARIOS, join(import.meta.dirname, '..', 'plan', 'scenarios')].flatMap((dir) =>
      readdirSync(dir)
        .filter((name) => name.endsWith('.yaml'))
        .map((name) => join(dir, name)),
    );
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      const scenario = loadScenario(file);
      expect(`${scenario.name}.yaml`).toBe(basename(file));
      expect(scenario.about).not.toBe('');
      expect(Object.keys(scenario.thresholds).length).toBeGreaterThan(0);
    }
  });

  test('have defaults, people and a length', () => {
    const scenario = parseScenario(BASE, join(SCENARIOS, 'x.yaml'));
    expect(scenario).toMatchObject({ seed: 1, interval: 1, probes: { every: 15 } });
    expect(participantsOf(scenario)).toBe(2);
    expect(durationOf(scenario)).toBe(14);
  });

  test.each<[string, string, string[]]>([
    [
      'polcy:',
      'policy:',
      [
        '1:1 policy is missing',
        '2:1 the configuration has no key "polcy"; did you mean "policy"?',
      ].toSorted(),
    ],
    ['publsh:', 'publish:', ['6:33 rooms.0.members.0 has no key "publsh"; did you mean "publish"?']],
    ['count: 0', 'count: 2', ['6:18 rooms.0.members.0.count: Too small: expected number to be >=1']],
    ['region: uss', 'region: us', ['6:29 the policy has no region "uss"; did you mean "us"?']],
    ['region: { us: 2, eux: 1 }', 'region: us', ['6:43 the policy has no region "eux"; did you mean "eu"?']],
    ['present: 0', 'present: 1', ['8:3 phases: nobody ever joins: give a phase "present: 1"']],
    [
      'seconds: 10, faults: [{ do: kill-node, at: 10, in: fra }]',
      'seconds: 10',
      ['9:62 at: the phase ends after 10 s, before this happens'],
    ],
    [
      'seconds: 10, faults: [{ do: impair, at: 1, for: 2, region: eux }]',
      'seconds: 10',
      ['9:78 the policy has no region "eux"; did you mean "eu"?'],
    ],
    [
      'seconds: 10, faults: [{ do: kill-nod, at: 1, in: fra }]',
      'seconds: 10',
      [
        '9:47 phases.1.faults.0.do: "do" must be kill-worker, kill-node, kill-datacenter, stop-redis or impair, with what it needs beside it',
      ],
    ],
  ])('%s is refused with its place', (wrong, right, faults) => {
    expect(faultsOf(BASE.replace(right, wrong))).toEqual(faults);
  });

  test('thresholds of a region that the policy does not have are refused with their place', () => {
    expect(faultsOf(`${BASE}thresholds: { to: { eux: { loss: 0.1 } } }\n`)).toEqual([
      '10:26 the policy has no region "eux"; did you mean "eu"?',
    ]);
  });

  test('a policy that is not there, and what is no YAML, have their places too', () => {
    expect(faultsOf(BASE.replace('zoom-2020.yaml', 'none.yaml'))[0]).toMatch(
      /^2:9 policy: .*none\.yaml cannot be read \(ENOENT\)$/,
    );
    expect(faultsOf('name: [')[0]).toMatch(/^1:8 /);
  });

  test('can be cut to so many seconds, the longest phase alone', () => {
    const soak = loadScenario(join(import.meta.dirname, '..', 'scenarios', 'soak.yaml'));
    expect(durationOf(shortened(soak, 600))).toBe(600);
    expect(shortened(soak, 600).phases.map(({ seconds }) => seconds)).toEqual([60, 480, 60]);
    expect(durationOf(shortened(soak, 10))).toBe(121);
    expect(shortened(soak, 86_400).phases[1]?.seconds).toBe(86_000);
    const faults = loadScenario(join(import.meta.dirname, '..', 'scenarios', 'lossy.yaml'));
    expect(shortened({ ...faults, phases: faults.phases.slice(2, 3) }, 5).phases[0]?.faults).toHaveLength(1);
  });
});
