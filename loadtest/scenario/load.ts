import { readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { type ConfigDocument, readDocument } from '../../src/config/document.ts';
import { ConfigError, type ConfigFault, type ConfigPath } from '../../src/config/fault.ts';
import { faultsOfIssue } from '../../src/config/issues.ts';
import type { Policy } from '../../src/policy/model.ts';
import { parsePolicy } from '../../src/policy/parse.ts';
import { didYouMean } from '../../src/policy/suggest.ts';
import { MOST_PARTICIPANTS, type ScenarioDocument, scenarioSchema } from './schema.ts';

/** A scenario that can be run, and the policy that it runs under. */
export interface Scenario extends ScenarioDocument {
  /** As it was named. */
  readonly file: string;
  readonly policyFile: string;
  /** The policy as its file says it; a cluster only replaces its URLs and keys. */
  readonly policyModel: Policy;
}

/**
 * Reads and validates a scenario. Throws ConfigError with every fault, each at its `FILE:LINE:COL`: unknown keys,
 * values out of range, regions and datacenters that the policy does not define, a policy that cannot be used.
 */
export function loadScenario(file: string): Scenario {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError([{ where: `${file}:1:1`, message: `cannot be read (${codeOf(error)})` }]);
  }
  return parseScenario(text, file);
}

/** As `loadScenario`, from a text; `file` is its name and the base of its policy's path. */
export function parseScenario(text: string, file: string): Scenario {
  const document = readDocument(text, file);
  if (document.faults.length > 0) throw new ConfigError(document.faults);
  const parsed = scenarioSchema.safeParse(document.value);
  if (!parsed.success) {
    throw new ConfigError(
      parsed.error.issues.flatMap((issue) => faultsOfIssue(issue, scenarioSchema, document)),
    );
  }
  const path = resolve(dirname(file), parsed.data.policy);
  const policyFile = relative(process.cwd(), path).startsWith('..') ? path : relative(process.cwd(), path);
  const policy = readPolicy(policyFile, document);
  const faults = checkAgainst(parsed.data, policy, document);
  if (faults.length > 0) throw new ConfigError(faults);
  return { ...parsed.data, file, policyFile, policyModel: policy };
}

/** How many people a scenario has at most at one time. */
export function participantsOf({ rooms }: Pick<ScenarioDocument, 'rooms'>): number {
  return rooms.reduce(
    (all, { count, members }) => all + count * members.reduce((sum, group) => sum + group.count, 0),
    0,
  );
}

/** Seconds that the phases take. */
export function durationOf({ phases }: Pick<ScenarioDocument, 'phases'>): number {
  return phases.reduce((sum, { seconds }) => sum + seconds, 0);
}

/** The scenario with its longest phase cut, so that all take so many seconds where that can be had. */
export function shortened<T extends Pick<ScenarioDocument, 'phases'>>(scenario: T, seconds: number): T {
  const { phases } = scenario;
  const longest = Math.max(...phases.map((phase) => phase.seconds));
  const cut = phases.findIndex((phase) => phase.seconds === longest);
  const left = Math.min(longest, Math.max(1, seconds - (durationOf(scenario) - longest)));
  return {
    ...scenario,
    phases: phases.map((phase, index) =>
      index === cut ? { ...phase, seconds: left, faults: phase.faults.filter(({ at }) => at < left) } : phase,
    ),
  };
}

function readPolicy(file: string, document: ConfigDocument): Policy {
  const where = document.place(['policy']);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError([{ where, message: `policy: ${file} cannot be read (${codeOf(error)})` }]);
  }
  const parsed = parsePolicy(text, file);
  if (parsed.ok) return parsed.policy;
  throw new ConfigError([
    { where, message: `policy: ${file} is not a policy` },
    ...parsed.faults.map(({ line, column, message }) => ({ where: `${file}:${line}:${column}`, message })),
  ]);
}

function checkAgainst(scenario: ScenarioDocument, policy: Policy, document: ConfigDocument): ConfigFault[] {
  const faults: ConfigFault[] = [];
  const known = (path: ConfigPath, name: string, names: ReadonlyMap<string, unknown>, kind: string): void => {
    if (names.has(name)) return;
    const hint = didYouMean(name, names.keys());
    faults.push({
      where: document.place(path),
      message: `the policy has no ${kind} "${name}"${hint}`,
    });
  };
  scenario.rooms.forEach(({ members }, room) => {
    members.forEach(({ region }, group) => {
      const path = ['rooms', room, 'members', group, 'region'];
      if (typeof region === 'string') known(path, region, policy.regions, 'region');
      else for (const name of Object.keys(region)) known([...path, name], name, policy.regions, 'region');
    });
  });
  scenario.phases.forEach(({ seconds, faults: planned }, phase) => {
    planned.forEach((fault, index) => {
      const path = ['phases', phase, 'faults', index];
      if ('in' in fault) known([...path, 'in'], fault.in, policy.datacenters, 'datacenter');
      if ('region' in fault && fault.region !== undefined)
        known([...path, 'region'], fault.region, policy.regions, 'region');
      if (fault.at >= seconds) {
        faults.push({
          where: document.place([...path, 'at']),
          message: `at: the phase ends after ${seconds} s, before this happens`,
        });
      }
    });
  });
  for (const name of Object.keys(scenario.thresholds.to ?? {}))
    known(['thresholds', 'to', name], name, policy.regions, 'region');
  const people = participantsOf(scenario);
  if (people > MOST_PARTICIPANTS) {
    faults.push({
      where: document.place(['rooms']),
      message: `rooms: ${people} participants, and ${MOST_PARTICIPANTS} are the most`,
    });
  }
  if (scenario.phases.every(({ present = 0 }) => present === 0)) {
    faults.push({
      where: document.place(['phases']),
      message: 'phases: nobody ever joins: give a phase "present: 1"',
    });
  }
  return faults;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
