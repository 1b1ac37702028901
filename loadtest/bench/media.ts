import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Forwarder } from './forwarder.ts';
import { findForwarders } from './forwarders.ts';
import { html } from './html.ts';
import { machineDescription } from './machine.ts';
import { markdown } from './markdown.ts';
import type { Sample } from './measure.ts';
import { type MediaOptions, readOptions } from './options.ts';
import { loopback, openNamespace, type Place } from './place.ts';
import { type Plan, planFor } from './plan.ts';
import { earlierResult, type MediaResult, type PlanResult, summarise } from './result.ts';
import { playRounds } from './rounds.ts';
import { findShape } from './shapes.ts';
import { type Conditions, TICK_US } from './subject.ts';

/** `npm run bench -- media`: every forwarder under every plan, in interleaved rounds. */
export async function runMedia(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  const forwarders = await findForwarders(options);
  const mute = options.tcp ? forwarders.find(({ speaksTcp }) => speaksTcp !== true) : undefined;
  if (mute) throw new Error(`--tcp: nobody connects to ${mute.label} over TCP; choose others by --rows`);
  const plans = options.shapes.flatMap((wanted) => plansFor(wanted, options.fanouts));
  const stopped = new AbortController();
  // Whatever runs it may pass a signal on besides the one from the terminal: the second changes nothing.
  process.on('SIGINT', () => stopped.abort()).on('SIGTERM', () => stopped.abort());
  const place = forwarders.some(({ needsNamespace }) => needsNamespace) ? openNamespace() : loopback;
  try {
    await runPlans(plans, forwarders, options, place, stopped.signal);
  } finally {
    place.close();
  }
  if (stopped.signal.aborted) process.exitCode = 130;
}

/** `NAME` under each of the fan-outs, or `NAME@1+20` under its own. */
function plansFor(wanted: string, fanOuts: readonly number[]): Plan[] {
  const [name = '', own] = wanted.split('@');
  const shape = findShape(name);
  // Eight people, unless somebody wants another number: that everyone sends to everyone has its limits.
  const several = shape.meeting === true ? [7] : fanOuts;
  const chosen = own === undefined ? several : own.split('+').map(Number);
  if (chosen.some((fanOut) => !Number.isInteger(fanOut) || fanOut < 1 || fanOut > 400)) {
    throw new Error(`${wanted}: fan-outs are whole numbers from 1 to 400`);
  }
  return chosen.map((fanOut) => planFor(shape, fanOut));
}

async function runPlans(
  plans: readonly Plan[],
  forwarders: readonly Forwarder[],
  options: MediaOptions,
  place: Place,
  signal: AbortSignal,
): Promise<void> {
  const now = wholeResult(options, forwarders, [], new Date().toISOString(), place);
  const before = options.resume && options.out !== undefined ? earlierResult(options.out, now) : undefined;
  const results: PlanResult[] = [...(before?.plans ?? [])];
  const startedAt = before?.startedAt ?? now.startedAt;
  for (const plan of plans) {
    if (signal.aborted) break;
    if (results.some(({ title }) => title === plan.title)) continue;
    const result = await runPlan(plan, forwarders, options, place, signal);
    // One that was interrupted is measured anew when the run is resumed.
    if (signal.aborted) break;
    results.push(result);
    const whole = wholeResult(options, forwarders, results, startedAt, place);
    console.log(
      markdown({ ...whole, machine: {}, forwarders: [], plans: [result] })
        .split('\n')
        .slice(6)
        .join('\n'),
    );
    if (options.out !== undefined) write(options.out, whole);
  }
}

/** What there is so far: written after each plan, so that an interrupted run is not for nothing. */
function wholeResult(
  options: MediaOptions,
  forwarders: readonly Forwarder[],
  plans: readonly PlanResult[],
  startedAt: string,
  place: Place,
): MediaResult {
  return {
    format: 'watershed-media-benchmark',
    version: 1,
    startedAt,
    machine: machineDescription(),
    settings: {
      profile: options.profile,
      rounds: options.rounds,
      seconds: options.seconds,
      fresh: options.fresh,
      tickUs: TICK_US,
      network: options.tcp ? `${place.name}, ICE over TCP` : place.name,
      bandwidthEstimation: options.bwe,
    },
    forwarders: forwarders.map(({ label, about }) => ({ label, about })),
    plans: [...plans].sort((a, b) => a.shape.localeCompare(b.shape) || a.fanOut - b.fanOut),
  };
}

async function runPlan(
  plan: Plan,
  forwarders: readonly Forwarder[],
  options: MediaOptions,
  place: Place,
  signal: AbortSignal,
): Promise<PlanResult> {
  const conditions: Conditions = {
    profile: options.profile,
    bandwidthEstimation: options.bwe,
    seconds: options.seconds,
    place,
    tcp: options.tcp,
    forwarderCore: options.sfuCore,
    generatorCore: options.generatorCore,
  };
  const { rounds, fresh } = options;
  const onSample = (label: string, sample: Sample): void => progress(plan, label, sample);
  const played = await playRounds(plan, forwarders, conditions, { rounds, fresh, onSample }, signal);
  return {
    title: plan.title,
    shape: plan.shape,
    fanOut: plan.fanOut,
    packetsPerSecond: plan.packetsPerSecond,
    rows: summarise(played, rounds > 1),
  };
}

function progress(plan: Plan, label: string, sample: Sample): void {
  const figures = `${sample.cpu.toFixed(2)} µs/packet, ${Math.round(sample.packetsPerSecond)} packets/s, p99 ${(sample.latency.p99 / 1000).toFixed(2)} ms, core ${Math.round(sample.load * 100)} %, generator ${Math.round(sample.generatorLoad * 100)} %`;
  console.error(
    `${plan.title}  round ${sample.round}  ${label.padEnd(12)} ${figures}${sample.void === null ? '' : `  VOID: ${sample.void}`}`,
  );
}

function write(path: string, result: MediaResult): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.json`, `${JSON.stringify(result, null, 1)}\n`);
  writeFileSync(`${path}.md`, markdown(result));
  writeFileSync(`${path}.html`, html(result));
}
