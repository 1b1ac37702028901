import { setTimeout as delay } from 'node:timers/promises';
import { Generator } from '../native/generator.ts';
import type { GeneratorStats, SrtpProfile } from '../native/messages.ts';
import { type Forwarder, names, type Session, streamNumber } from './forwarder.ts';
import type { Place } from './place.ts';
import { type Plan, subscribersOf } from './plan.ts';
import { claimCore, cpuTime, memory } from './process.ts';

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

export interface Conditions {
  readonly profile: SrtpProfile;
  readonly bandwidthEstimation: boolean;
  readonly seconds: number;
  readonly place: Place;
  readonly forwarderCore: number;
  readonly generatorCore: number;
}

/** How often the generator looks for packets (native/README.md says why). */
export const TICK_US = 1000;
const SETTLE_MS = 700;
const MOST_LOSS = 0.001;
const MOST_GENERATOR_LOAD = 0.7;
const ENOUGH_FOR_SLOPE = 20;

/** Runs one forwarder under one plan once, in processes of its own. */
export async function measure(
  forwarder: Forwarder,
  plan: Plan,
  round: number,
  conditions: Conditions,
): Promise<Sample> {
  const generator = await Generator.start({ tickUs: TICK_US, command: conditions.place.command });
  const kernelBefore = conditions.place.datagramsReceived(generator.pid);
  let session: Session | undefined;
  try {
    claimCore(generator.pid, conditions.generatorCore);
    session = await forwarder.open({
      plan,
      generator,
      profile: conditions.profile,
      bandwidthEstimation: conditions.bandwidthEstimation,
      place: conditions.place,
      core: conditions.forwarderCore,
    });
    await session.start();
    await delay(SETTLE_MS);
    const made = await sample(session, generator, plan, round, conditions.seconds);
    return { ...made, kernelCount: await kernelCount(generator, conditions.place, kernelBefore) };
  } finally {
    await generator.close();
    await session?.close();
  }
}

async function sample(
  session: Session,
  generator: Generator,
  plan: Plan,
  round: number,
  seconds: number,
): Promise<Omit<Sample, 'kernelCount'>> {
  const before = (await generator.stats({ reset: true })).totals;
  const [cpuBefore, generatorBefore] = [cpuTime(session.pids), cpuTime([generator.pid])];
  await delay(seconds * 1000);
  const { totals: after } = await generator.stats();
  const [cpuAfter, generatorAfter] = [cpuTime(session.pids), cpuTime([generator.pid])];
  const detail = await generator.stats({ detail: true });
  const us = (after.nowNs - before.nowNs) / 1000;
  const delivered = after.received - before.received;
  const missing = after.missing - before.missing;
  const used = cpuAfter.total - cpuBefore.total;
  // The kernel samples the split; the sum is exact, so the split is scaled to it.
  const ticks = Math.max(1, cpuAfter.user - cpuBefore.user + (cpuAfter.system - cpuBefore.system));
  const userShare = (cpuAfter.user - cpuBefore.user) / ticks;
  const generatorLoad = (generatorAfter.total - generatorBefore.total) / us;
  const loss = Math.max(0, missing) / Math.max(1, delivered + missing);
  const subscribers = subscribersOf(plan);
  return {
    round,
    delivered,
    packetsPerSecond: (delivered * 1e6) / us,
    cpu: used / delivered,
    user: (used * userShare) / delivered,
    system: (used * (1 - userShare)) / delivered,
    load: used / us,
    generatorLoad,
    loss,
    latency: { p50: after.latency.p50, p99: after.latency.p99, max: after.latency.max },
    lateness: after.lateness.p99,
    memoryPerPeer:
      subscribers < ENOUGH_FOR_SLOPE ? null : (memory(session.pids) - session.memoryBefore) / subscribers,
    void: reasonAgainst(plan, detail, loss, generatorLoad, (delivered * 1e6) / us),
  };
}

/** Over the generator's whole life. It goes on counting while the kernel is asked, so the kernel is asked twice. */
async function kernelCount(generator: Generator, place: Place, start: number | null): Promise<number | null> {
  const least = place.datagramsReceived(generator.pid);
  const counted = (await generator.stats()).totals.datagramsReceived;
  const most = place.datagramsReceived(generator.pid);
  if (start === null || least === null || most === null) return null;
  return Math.min(Math.max(counted, least - start), most - start) / counted;
}

function reasonAgainst(
  plan: Plan,
  detail: GeneratorStats,
  loss: number,
  generatorLoad: number,
  rate: number,
): string | null {
  if (loss > MOST_LOSS) return `${(loss * 100).toFixed(2)} % lost`;
  if (generatorLoad > MOST_GENERATOR_LOAD)
    return `generator at ${Math.round(generatorLoad * 100)} % of its core`;
  const wrong = wrongStreams(plan, detail);
  if (wrong > 0) return `${wrong} subscriptions without the highest layer`;
  if (Math.abs(rate / plan.packetsPerSecond - 1) > 0.05) {
    return `${Math.round(rate)} packets per second instead of ${Math.round(plan.packetsPerSecond)}`;
  }
  return null;
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
