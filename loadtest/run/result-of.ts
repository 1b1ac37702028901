import { type thisMachine, versionsOf } from '../measure/machine.ts';
import type { RunResult } from '../report/result.ts';
import { participantsOf, type Scenario } from '../scenario/load.ts';
import type { Target } from '../target/target.ts';
import type { Recorder } from './recorder.ts';
import { timesOf } from './schedule.ts';
import { judge } from './verdict.ts';

/** What is known of a run once it is over. */
export interface Played {
  readonly scenario: Scenario;
  readonly target: Target;
  readonly startedAt: Date;
  /** How long it went, in s. */
  readonly seconds: number;
  /** Why it could not go on to its end; null where it could. */
  readonly problem: string | null;
  readonly interrupted: boolean;
  readonly machine: ReturnType<typeof thisMachine>;
  /** What generated the participants; empty where none did. */
  readonly engine: string;
  readonly isolation: RunResult['isolation'];
  readonly faults: RunResult['faults'];
  readonly saturation: RunResult['saturation'];
  readonly recorder: Recorder;
}

/** Lateness of the generator that a reader has to know of, in ms. */
const LATE_MS = 50;

/** The result of a run: its verdict with reasons, and everything that was measured. Records when media came back. */
export function resultOf(played: Played): RunResult {
  const { scenario, target, seconds, isolation, faults, saturation, recorder } = played;
  recordRecoveries(recorder, faults);
  const sums = { ...recorder.sums(), faults, saturation };
  const thresholds = judge(scenario.thresholds, sums);
  const reasons = reasonsOf(played, thresholds);
  return {
    format: 'watershed-loadtest',
    version: 1,
    outcome: outcomeOf(played, reasons.length > 0),
    reasons,
    startedAt: played.startedAt.toISOString(),
    seconds: Math.round(seconds * 100) / 100,
    isolation,
    scenario: {
      name: scenario.name,
      about: scenario.about,
      file: scenario.file,
      seed: scenario.seed,
      policy: scenario.policyFile,
      participants: participantsOf(scenario),
      rooms: scenario.rooms.reduce((sum, { count }) => sum + count, 0),
      phases: timesOf(scenario),
    },
    target: {
      kind: target.kind,
      nodes: target.nodes.map(({ id, datacenter, region, url }) => ({ id, datacenter, region, url })),
    },
    machine: played.machine,
    versions: versionsOf(played.engine),
    thresholds,
    ...sums,
    series: recorder.series,
    events: recorder.events.toSorted((a, b) => a.at - b.at),
    notes: [...target.notes, ...notesOf(played)],
  };
}

function recordRecoveries(recorder: Recorder, faults: RunResult['faults']): void {
  for (const { at, longestMs, affected, recovered, what } of faults) {
    if (affected === 0) continue;
    const text = recovered
      ? `${affected} participants had media again ${(longestMs ?? 0) / 1000} s after: ${what}`
      : `${affected} participants lost media, not all got it back: ${what}`;
    recorder.event(at + (longestMs ?? 0) / 1000, 'recovery', text);
  }
}

function reasonsOf(
  { problem, interrupted, seconds, isolation }: Played,
  thresholds: RunResult['thresholds'],
): string[] {
  return [
    ...(problem === null ? [] : [problem]),
    ...(interrupted ? [`interrupted after ${seconds.toFixed(0)} s`] : []),
    ...(isolation.admitted > 0 ? [`${isolation.admitted} forbidden attempts were admitted`] : []),
    ...thresholds
      .filter(({ holds }) => !holds)
      .map(({ name, limit, value, least }) =>
        value === null
          ? `${name} was not measured`
          : `${name} is ${tidy(value)}, ${least ? 'least' : 'most'} ${limit}`,
      ),
  ];
}

function outcomeOf({ problem, interrupted }: Played, failed: boolean): RunResult['outcome'] {
  if (problem !== null) return 'broken';
  if (interrupted) return 'interrupted';
  return failed ? 'failed' : 'passed';
}

function notesOf({ scenario, machine, recorder }: Played): string[] {
  const notes: string[] = [];
  const late = Math.max(0, ...recorder.series.map(({ lateness }) => lateness));
  if (late > LATE_MS)
    notes.push(`the generator itself was late by up to ${late.toFixed(0)} ms: latencies include that`);
  if (machine.load > machine.cores / 2)
    notes.push(`the machine was busy before the run (load ${machine.load}): compare with care`);
  if (scenario.phases.some(({ faults }) => faults.some((fault) => fault.do === 'impair')))
    notes.push(
      'all media passed a relay on this machine, which adds to the latency even while it does no harm',
    );
  return notes;
}

function tidy(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toPrecision(4);
}
