import { Generator } from '../native/generator.ts';
import type { SrtpProfile } from '../native/messages.ts';
import type { Forwarder, Session } from './forwarder.ts';
import type { Place } from './place.ts';
import type { Plan } from './plan.ts';
import { claimCore, hold, TETHER } from './process.ts';

/** Under what forwarders are compared. */
export interface Conditions {
  readonly profile: SrtpProfile;
  readonly bandwidthEstimation: boolean;
  /** Of each sample, at least: of shapes that repeat soon, whole repetitions are taken. */
  readonly seconds: number;
  readonly place: Place;
  /** Participants connect over TCP (default: UDP). */
  readonly tcp?: boolean;
  readonly forwarderCore: number;
  readonly generatorCore: number;
}

/** How often the generator looks for packets (native/README.md says why). */
export const TICK_US = 1000;

/** A forwarder with participants of its own, all connected: it is measured whenever they send. */
export interface Subject {
  readonly plan: Plan;
  readonly generator: Generator;
  readonly session: Session;
}

/** Starts the processes and connects everyone. */
export async function openSubject(
  forwarder: Forwarder,
  plan: Plan,
  conditions: Conditions,
): Promise<Subject> {
  const { place, profile, bandwidthEstimation, tcp = false, forwarderCore: core } = conditions;
  const generator = await Generator.start({ tickUs: TICK_US, command: [...TETHER, ...place.command] });
  try {
    claimCore(generator.pid, conditions.generatorCore);
    const setting = { plan, generator, profile, bandwidthEstimation, place, tcp, core };
    return { plan, generator, session: await forwarder.open(setting) };
  } catch (error) {
    await generator.close();
    throw error;
  }
}

/**
 * Holds the processes of subjects still, their participants' too, or lets them go on: those who wait use the
 * processor as well (50 of Janus's threads take a tenth of it), and would disturb whoever is measured.
 */
export function holdAll(subjects: readonly Subject[], still: boolean): void {
  for (const { generator, session } of subjects) hold([generator.pid, ...session.pids], still);
}

/** Ends the processes. */
export async function closeSubject({ generator, session }: Subject): Promise<void> {
  await generator.close();
  await session.close();
}
