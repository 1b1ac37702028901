import { accessSync, constants, readFileSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Policy } from '../../src/policy/model.ts';
import { parsePolicy } from '../../src/policy/parse.ts';
import { reportOf } from '../report/html.ts';
import type { RunResult } from '../report/result.ts';
import { summaryOf } from '../report/summary.ts';
import { durationOf, loadScenario, participantsOf, type Scenario, shortened } from '../scenario/load.ts';
import { startOwnCluster } from '../target/own-cluster.ts';
import { openRemote } from '../target/remote.ts';
import { type Target, TargetError } from '../target/target.ts';
import { progressOn } from './progress.ts';
import { runScenario } from './runner.ts';

export interface RunCommand {
  readonly scenario?: string;
  readonly target?: string;
  readonly json?: string;
  readonly html?: string;
  readonly policy?: string;
  readonly key?: string;
  readonly issuer?: string;
  readonly cloud?: string;
  readonly agents?: string;
  readonly seconds?: string;
}

const EXIT: { readonly [Outcome in RunResult['outcome']]: number } = {
  passed: 0,
  failed: 1,
  broken: 1,
  interrupted: 130,
};

/**
 * Plays one scenario and writes what was asked for. The exit code: 0 passed, 1 a threshold was missed, a forbidden
 * attempt was admitted or the run could not go on, 130 interrupted. Throws for what cannot be used.
 */
export async function runCommand(command: RunCommand): Promise<number> {
  if (command.scenario === undefined)
    throw new TargetError('--scenario FILE is missing, such as loadtest/scenarios/meeting-4x4.yaml');
  const loaded = loadScenario(command.scenario);
  const scenario =
    command.seconds === undefined
      ? loaded
      : shortened(loaded, wholeNumber('--seconds', command.seconds, 86_400));
  // Before an hour's run, not after it.
  for (const file of [command.json, command.html]) if (file !== undefined) requireWritable(file);
  const ending = new AbortController();
  const offs = onSignals(ending);
  const progress = progressOn(process.stderr);
  let target: Target | undefined;
  try {
    target = await openTarget(command, scenario, ending.signal, (line) => progress.line(line));
    progress.line(
      `${scenario.name}: ${participantsOf(scenario)} participants, ${durationOf(scenario)} s, ${target.nodes.length} nodes`,
    );
    const agents =
      command.agents === undefined ? {} : { agents: wholeNumber('--agents', command.agents, 64) };
    const result = await runScenario({ scenario, target, progress, signal: ending.signal, ...agents });
    progress.close();
    if (command.json !== undefined) writeFileSync(command.json, `${JSON.stringify(result, null, 1)}\n`);
    if (command.html !== undefined) writeFileSync(command.html, reportOf(result));
    process.stdout.write(summaryOf(result));
    return EXIT[result.outcome];
  } catch (error) {
    if (!ending.signal.aborted) throw error;
    process.stderr.write('interrupted before anything was measured\n');
    return EXIT.interrupted;
  } finally {
    progress.close();
    await target?.close();
    for (const off of offs) off();
  }
}

async function openTarget(
  command: RunCommand,
  scenario: Scenario,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<Target> {
  const { policyFile, policyModel, settings, rooms } = scenario;
  if (command.target === undefined) {
    say(`starting a cluster on ${policyFile}`);
    return startOwnCluster({ policyFile, policy: policyModel, settings, signal, say });
  }
  const regions = rooms.flatMap(({ members }) =>
    members.flatMap(({ region }) => (typeof region === 'string' ? [region] : Object.keys(region))),
  );
  const policy = command.policy === undefined ? null : policyOf(command.policy);
  const { target: url, key, issuer, cloud } = command;
  return openRemote({
    url,
    regions: [...new Set(regions)],
    policy,
    signal,
    ...(key !== undefined && { key }),
    ...(issuer !== undefined && { issuer }),
    ...(cloud !== undefined && { cloud }),
  });
}

/** The first signal ends the run in order, with what was measured; later ones change nothing: each wait is bounded. */
function onSignals(ending: AbortController): (() => void)[] {
  return (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map((name) => {
    const listener = (): void => {
      if (ending.signal.aborted) return;
      process.stderr.write('\nending: reading the last figures and stopping what was started\n');
      ending.abort();
    };
    process.on(name, listener);
    return () => process.off(name, listener);
  });
}

function policyOf(file: string): Policy {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    throw new TargetError(`--policy ${file}: cannot be read`);
  }
  const parsed = parsePolicy(text, file);
  if (parsed.ok) return parsed.policy;
  const lines = parsed.faults.map(({ line, column, message }) => `${file}:${line}:${column}: ${message}`);
  throw new TargetError(lines.join('\n'));
}

function requireWritable(file: string): void {
  try {
    accessSync(dirname(resolve(file)), constants.W_OK);
  } catch {
    throw new TargetError(`${file}: the directory is not there, or cannot be written to`);
  }
}

function wholeNumber(option: string, text: string, most: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > most)
    throw new TargetError(`${option}: a number from 1 to ${most}`);
  return value;
}
