import { setTimeout as delay } from 'node:timers/promises';
import type { GeneratorStats } from '../native/messages.ts';
import { names, startSenders, stopSenders, streamNumber } from './forwarder.ts';
import { agreement, countDatagrams } from './kernel-count.ts';
import { loopSeconds, type Plan, subscribersOf } from './plan.ts';
import { cpuTime, memory } from './process.ts';
import { type Conditions, holdAll, type Subject } from './subject.ts';

/** One measurement of one forwarder. */
export interface Sample {
  readonly round: number;
  /** Packets that subscribers received, and per second. */
  readonly delivered: number;
  readonly packetsPerSecond: number;
  /** µs of processor time per delivered packet, which is seconds per million. */
  readonly cpu: number;
  readonly user: number;
  readonly system: number;
  /** Share of its processor. */
  readonly load: number;
  readonly generatorLoad: number;
  /** Share of the packets. */
  readonly loss: number;
  /** µs, from the publisher's socket to the subscriber's. */
  readonly latency: { readonly p50: number; readonly p99: number; readonly max: number };
  /** How late the generator's frames left, µs. */
  readonly lateness: number;
  /** Bytes per subscriber; null where too few for a slope. */
  readonly memoryPerPeer: number | null;
  /** Datagrams that the kernel counted, to those that the generator did; null where nobody else could count. */
  readonly kernelCount: number | null;
  /** Why it does not count; null where it does. */
  readonly void: string | null;
}

const SETTLE_MS = 500;
/** What is under way arrives. */
const DRAIN_MS = 50;
/** Between two turns: those who were held still confirm their consent to each other. */
const BETWEEN_MS = 150;
const MOST_LOSS = 0.001;
const MOST_GENERATOR_LOAD = 0.7;
/** Simulcast begins with a lower layer. */
const MOST_AMISS = 0.05;
const ENOUGH_FOR_SLOPE = 20;
/** Shapes that repeat within so many seconds are measured over whole repetitions. */
const SHORT_LOOP_S = 2.5;

/** How long a sample of this plan lasts, and whether its shape has more to show than one sample does. */
function windowOf(plan: Plan, seconds: number): { seconds: number; varies: boolean } {
  const loop = loopSeconds(plan);
  return loop > SHORT_LOOP_S
    ? { seconds, varies: true }
    : { seconds: Math.ceil(seconds / loop - 1e-9) * loop, varies: false };
}

/**
 * Has the participants of one subject send, and measures it.
 * @param subjects all that are open, this one among them; the others' participants are silent meanwhile
 * @param turn of a long shape, where in it the first publisher begins, from 0 to 1
 */
export async function measure(
  subject: Subject,
  subjects: readonly Subject[],
  round: number,
  turn: number,
  conditions: Conditions,
): Promise<Sample> {
  const { generator, plan } = subject;
  const others = subjects.filter((other) => other !== subject);
  const before = await generator.stats({ detail: true });
  holdAll(others, true);
  try {
    await startSenders(generator, plan, windowOf(plan, conditions.seconds).varies ? turn : 0);
    await delay(SETTLE_MS);
    const made = await sample(subject, round, conditions);
    await stopSenders(generator, plan);
    await delay(DRAIN_MS);
    const after = await generator.stats({ detail: true });
    return { ...made, void: reasonAgainst(plan, made, before, after) };
  } finally {
    holdAll(others, false);
    await delay(BETWEEN_MS);
  }
}

async function sample(
  { plan, generator, session }: Subject,
  round: number,
  { place, seconds }: Conditions,
): Promise<Omit<Sample, 'void'>> {
  const countBefore = await countDatagrams(place, generator);
  const before = (await generator.stats({ reset: true })).totals;
  const [cpuBefore, generatorBefore] = [cpuTime(session.pids), cpuTime([generator.pid])];
  await delay(windowOf(plan, seconds).seconds * 1000);
  const { totals: after } = await generator.stats();
  const [cpuAfter, generatorAfter] = [cpuTime(session.pids), cpuTime([generator.pid])];
  const kernelCount = agreement(countBefore, await countDatagrams(place, generator));
  const us = (after.nowNs - before.nowNs) / 1000;
  const delivered = after.received - before.received;
  const missing = after.missing - before.missing;
  const used = cpuAfter.total - cpuBefore.total;
  // The kernel samples the split; the sum is exact, so the split is scaled to it.
  const ticks = Math.max(1, cpuAfter.user - cpuBefore.user + (cpuAfter.system - cpuBefore.system));
  const userShare = (cpuAfter.user - cpuBefore.user) / ticks;
  const subscribers = subscribersOf(plan);
  return {
    round,
    delivered,
    packetsPerSecond: (delivered * 1e6) / us,
    cpu: used / delivered,
    user: (used * userShare) / delivered,
    system: (used * (1 - userShare)) / delivered,
    load: used / us,
    generatorLoad: (generatorAfter.total - generatorBefore.total) / us,
    loss: Math.max(0, missing) / Math.max(1, delivered + missing),
    latency: { p50: after.latency.p50, p99: after.latency.p99, max: after.latency.max },
    lateness: after.lateness.p99,
    memoryPerPeer:
      subscribers < ENOUGH_FOR_SLOPE ? null : (memory(session.pids) - session.memoryBefore) / subscribers,
    kernelCount,
  };
}

/** A measurement that could not be made. */
export function failedSample(round: number, error: unknown): Sample {
  return {
    round,
    delivered: 0,
    packetsPerSecond: 0,
    cpu: 0,
    user: 0,
    system: 0,
    load: 0,
    generatorLoad: 0,
    loss: 0,
    latency: { p50: 0, p99: 0, max: 0 },
    lateness: 0,
    memoryPerPeer: null,
    kernelCount: null,
    void: error instanceof Error ? error.message : String(error),
  };
}

/** @param before, after what the generator counted before anybody sent and after everything had arrived */
function reasonAgainst(
  plan: Plan,
  made: Omit<Sample, 'void'>,
  before: GeneratorStats,
  after: GeneratorStats,
): string | null {
  if (made.loss > MOST_LOSS) return `${(made.loss * 100).toFixed(2)} % lost`;
  if (made.generatorLoad > MOST_GENERATOR_LOAD)
    return `generator at ${Math.round(made.generatorLoad * 100)} % of its core`;
  const wrong = wrongStreams(plan, after);
  if (wrong > 0) return `${wrong} subscriptions without the highest layer`;
  const [got, due] = [after.totals.received - before.totals.received, packetsDue(plan, before, after)];
  if (Math.abs(got / due - 1) > MOST_AMISS) return `${got} packets of ${due}`;
  return null;
}

/** What was sent to whom between two readings: of simulcast the highest layer. */
function packetsDue(plan: Plan, before: GeneratorStats, after: GeneratorStats): number {
  const sent = (stats: GeneratorStats, name: string): number => stats.senders?.[name]?.packets ?? 0;
  let due = 0;
  for (const { subscribesTo } of plan.participants) {
    for (const from of subscribesTo) {
      for (const [index, { layers }] of (plan.participants[from]?.publishes ?? []).entries()) {
        const name = names.sender(from, index, layers.length - 1);
        due += sent(after, name) - sent(before, name);
      }
    }
  }
  return due;
}

/** Subscriptions that get nothing, or another layer than the highest. */
function wrongStreams(plan: Plan, { receivers = {} }: GeneratorStats): number {
  let wrong = 0;
  for (const [participant, { subscribesTo }] of plan.participants.entries()) {
    for (const from of subscribesTo) {
      for (const [index, medium] of (plan.participants[from]?.publishes ?? []).entries()) {
        const got = receivers[names.receiver(participant, from, index)]?.stream;
        if (got !== streamNumber(from, index, medium.layers.length - 1)) wrong += 1;
      }
    }
  }
  return wrong;
}
