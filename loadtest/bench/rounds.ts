import type { Forwarder } from './forwarder.ts';
import { failedSample, measure, type Sample } from './measure.ts';
import type { Plan } from './plan.ts';
import { cryptographyOf } from './process.ts';
import { type Conditions, closeSubject, openSubject, type Subject } from './subject.ts';

/** A void measurement is made again so many times. */
const ATTEMPTS = 3;

/** What the rounds of one plan came to, by label. */
export interface Played {
  readonly samples: ReadonlyMap<string, readonly Sample[]>;
  /** Shared libraries for encryption that each forwarder had loaded. */
  readonly cryptography: ReadonlyMap<string, readonly string[]>;
}

export interface RoundOptions {
  readonly rounds: number;
  /** Each round in processes of its own, in place of all rounds of a plan in the same. */
  readonly fresh: boolean;
  readonly onSample: (label: string, sample: Sample) => void;
}

/**
 * Every forwarder under one plan, in interleaved rounds: all are there with everyone connected, and in each round
 * each is sent to in its turn. Whoever has no sample that counts in a whole round is left out from then on: what it
 * cannot carry it will not carry the next time.
 */
export async function playRounds(
  plan: Plan,
  forwarders: readonly Forwarder[],
  conditions: Conditions,
  options: RoundOptions,
  signal: AbortSignal,
): Promise<Played> {
  const samples = new Map<string, Sample[]>(forwarders.map(({ label }) => [label, []]));
  const cryptography = new Map<string, readonly string[]>();
  const open = new Map<string, Subject>();
  const givenUp = new Set<string>();
  const end = async (label: string): Promise<void> => {
    const subject = open.get(label);
    open.delete(label);
    if (subject !== undefined) await closeSubject(subject);
  };
  const attempt = async (forwarder: Forwarder, round: number): Promise<Sample> => {
    try {
      const subject = open.get(forwarder.label) ?? (await openSubject(forwarder, plan, conditions));
      open.set(forwarder.label, subject);
      const sample = await measure(subject, [...open.values()], round, round / options.rounds, conditions);
      cryptography.set(forwarder.label, subject.session.pids.flatMap(cryptographyOf));
      return sample;
    } catch (error) {
      return failedSample(round, error);
    }
  };
  try {
    for (let round = 0; round < options.rounds; round += 1) {
      // Each round begins with another one, so that none always comes after the same neighbour's warmth.
      const order = forwarders.flatMap((_, index) => forwarders[(index + round) % forwarders.length] ?? []);
      for (const forwarder of order) {
        const { label } = forwarder;
        for (let tried = 0; tried < ATTEMPTS && !givenUp.has(label) && !signal.aborted; tried += 1) {
          const sample = await attempt(forwarder, round);
          if (signal.aborted) break;
          samples.get(label)?.push(sample);
          options.onSample(label, sample);
          if (sample.void === null) break;
          // One that fell behind may not go on catching up while the next one is measured.
          await end(label);
          if (tried === ATTEMPTS - 1) givenUp.add(label);
        }
        if (options.fresh) await end(label);
      }
    }
  } finally {
    await Promise.all([...open.keys()].map(end));
  }
  return { samples, cryptography };
}
