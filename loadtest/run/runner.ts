import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { issueJoinToken } from '../../src/tokens/issue.ts';
import { BusyCores } from '../measure/busy-cores.ts';
import { isLoopback, loopbackAddress } from '../measure/local-address.ts';
import { thisMachine } from '../measure/machine.ts';
import { randomFrom } from '../measure/random.ts';
import { Prober } from '../probes/prober.ts';
import type { RunResult } from '../report/result.ts';
import { durationOf, participantsOf, type Scenario } from '../scenario/load.ts';
import { Processes } from '../target/processes.ts';
import type { Target } from '../target/target.ts';
import { Agents } from './agents.ts';
import { Faults } from './faults.ts';
import { frontDoorsOf } from './front-doors.ts';
import { type Person, populationOf } from './population.ts';
import type { Progress } from './progress.ts';
import { Recorder } from './recorder.ts';
import { resultOf } from './result-of.ts';
import { saturationOf } from './saturation.ts';
import { isMeasured, type Step, stepsOf } from './schedule.ts';
import { watchGenerator, watchTarget } from './watching.ts';

/** Participants that one process of the JavaScript engine is given, where there are cores for more processes. */
const PER_AGENT = 60;
/** Tokens outlive the run by so much, in s. */
const TOKEN_MARGIN = 900;

export interface RunOptions {
  readonly scenario: Scenario;
  readonly target: Target;
  readonly progress: Progress;
  /** Ends the run early; what was measured until then is still reported. */
  readonly signal: AbortSignal;
  /** Processes that hold participants; by default as many as there is use for. */
  readonly agents?: number;
}

/** Plays a scenario against a target. Never rejects for what happens to the target: the result says it. */
export async function runScenario(options: RunOptions): Promise<RunResult> {
  const run = new Run(options);
  try {
    await run.play();
  } catch (error) {
    run.broke(error instanceof Error ? error.message : String(error));
  } finally {
    await run.close();
  }
  return run.result();
}

class Run {
  readonly #options: RunOptions;
  readonly #id = randomBytes(3).toString('hex');
  /** Of the clock of the run, which starts once the generator is ready. */
  #began = performance.now();
  #startedAt = new Date();
  readonly #machine = thisMachine();
  readonly #recorder = new Recorder();
  readonly #processes = new Processes();
  readonly #prober: Prober;
  readonly #present = new Map<Person, number>();
  readonly #random: () => number;
  readonly #ending = new AbortController();
  #agents: Agents | null = null;
  #faults: Faults | null = null;
  #sessions = 0;
  #phase = { name: '', measured: false };
  /** Of a phase that ends with saturation. */
  #onSaturated: (() => void) | null = null;
  readonly #cores = new BusyCores();
  #lastReadingAt = performance.now();
  #problem: string | null = null;
  #interrupted = false;
  #seconds = 0;

  constructor(options: RunOptions) {
    this.#options = options;
    const { scenario, target, signal } = options;
    this.#random = randomFrom(scenario.seed);
    this.#prober = new Prober({
      target,
      regions: regionsOf(scenario),
      now: () => this.#now(),
      onAdmitted: (what) => {
        this.#recorder.event(this.#now(), 'isolation', `admitted: ${what}`);
        options.progress.line(`FORBIDDEN, AND ADMITTED: ${what}`);
      },
    });
    signal.addEventListener('abort', () => this.#interrupt());
    if (signal.aborted) this.#interrupt();
  }

  async play(): Promise<void> {
    const { scenario, target } = this.#options;
    const count = this.#options.agents ?? agentsFor(participantsOf(scenario));
    this.#agents = await Agents.start({
      count,
      seed: scenario.seed,
      relay: scenario.phases.some(({ faults }) => faults.some((fault) => fault.do === 'impair')),
      onNews: (news) => this.#recorder.onNews(news),
      onDeath: (words) => this.broke(words),
    });
    this.#began = performance.now();
    this.#startedAt = new Date();
    this.#recorder.begin(this.#startedAt.getTime());
    await watchTarget(this.#processes, target);
    watchGenerator(this.#processes, this.#agents.processes());
    this.#faults = new Faults({
      target,
      agents: this.#agents,
      processes: this.#processes,
      recorder: this.#recorder,
      now: () => this.#now(),
    });
    this.#lastReadingAt = performance.now();
    const probing = this.#prober.repeat(scenario.probes.every, this.#ending.signal);
    const reading = this.#readEvery(scenario.interval);
    await this.#playPhases();
    this.#ending.abort();
    await Promise.all([probing, reading]);
    // A round after the last phase too, so that short runs have seen their doors at least twice.
    if (!this.#interrupted) await this.#prober.round();
    await this.#read();
  }

  /** The run cannot go on: what was measured until now is all there will be. */
  broke(why: string): void {
    if (this.#problem !== null || this.#interrupted) return;
    this.#problem = why;
    this.#recorder.event(this.#now(), 'note', why);
    this.#options.progress.line(why);
    this.#ending.abort();
  }

  async close(): Promise<void> {
    this.#seconds = this.#now();
    this.#ending.abort();
    this.#faults?.close();
    this.#prober.close();
    await this.#agents?.close();
  }

  result(): RunResult {
    const { scenario, target } = this.#options;
    return resultOf({
      scenario,
      target,
      startedAt: this.#startedAt,
      seconds: this.#seconds,
      problem: this.#problem,
      interrupted: this.#interrupted,
      machine: this.#machine,
      engine: this.#agents?.engine ?? '',
      isolation: this.#prober.tally.result(),
      faults: this.#faults?.results() ?? [],
      saturation: this.#saturation(),
      recorder: this.#recorder,
    });
  }

  #saturation(): RunResult['saturation'] {
    const { cores } = this.#machine;
    const kinds = this.#recorder.kinds();
    return saturationOf(this.#recorder.series, { limits: this.#options.scenario.saturation, kinds, cores });
  }

  async #playPhases(): Promise<void> {
    const { scenario, progress } = this.#options;
    const people = populationOf(scenario, this.#id);
    for (const phase of scenario.phases) {
      if (this.#ending.signal.aborted) return;
      const begun = performance.now();
      const phaseEnds = new AbortController();
      const signal = AbortSignal.any([this.#ending.signal, phaseEnds.signal]);
      this.#phase = { name: phase.name, measured: isMeasured(phase) };
      this.#onSaturated = phase.until === 'saturated' ? () => phaseEnds.abort() : null;
      const ends = this.#recorder.event(this.#now(), 'phase', phase.name, this.#now() + phase.seconds);
      for (const step of stepsOf(phase, people, new Set(this.#present.keys()))) {
        await this.#until(begun + step.at * 1000, signal);
        if (signal.aborted) break;
        await this.#take(step, people);
        if (step.do === 'fault') progress.line(this.#recorder.events.at(-1)?.text ?? '');
      }
      await this.#until(begun + phase.seconds * 1000, signal);
      if (phaseEnds.signal.aborted) ends(this.#now());
    }
  }

  async #take(step: Step, people: readonly Person[]): Promise<void> {
    switch (step.do) {
      case 'join':
        return this.#join(step.person);
      case 'leave':
        return this.#leave(step.person);
      case 'churn': {
        const here = people.filter((person) => this.#present.has(person));
        const person = here[Math.floor(this.#random() * here.length)];
        if (person === undefined) return;
        this.#leave(person);
        return this.#join(person);
      }
      case 'fault':
        return this.#faults?.inject(step.fault);
    }
  }

  async #join(person: Person): Promise<void> {
    const { scenario, target } = this.#options;
    const n = ++this.#sessions;
    const { room, region, publish, subscribe, talks } = person;
    this.#present.set(person, n);
    const ttlSeconds = durationOf(scenario) + TOKEN_MARGIN;
    const token = await issueJoinToken(target.issuer, { room, region, role: 'participant' }, { ttlSeconds });
    this.#recorder.onJoinOrdered();
    const frontDoors = frontDoorsOf(target, region);
    const regions = [...(target.policy?.regions.keys() ?? regionsOf(scenario))];
    this.#agents?.join({
      n,
      region,
      token,
      frontDoors,
      // Each has an address of its own region where addresses can be had for nothing.
      ...(frontDoors.every(isLoopback) && { address: loopbackAddress('people', regions.indexOf(region), n) }),
      publish: [...publish],
      subscribe,
      talks,
      seed: (scenario.seed + n) >>> 0,
    });
  }

  #leave(person: Person): void {
    const n = this.#present.get(person);
    this.#present.delete(person);
    if (n !== undefined) this.#agents?.leave(n);
  }

  async #readEvery(interval: number): Promise<void> {
    for (let next = performance.now() + interval * 1000; ; ) {
      await this.#until(next);
      if (this.#ending.signal.aborted) return;
      await this.#read();
      // After a reading that came late the missed ones are left out: a rate over a moment is none.
      next = Math.max(next, performance.now() - interval * 500) + interval * 1000;
    }
  }

  async #read(): Promise<void> {
    const agents = this.#agents;
    if (agents === null) return;
    const readings = await agents.read();
    const processes = this.#processes.sample();
    const now = performance.now();
    const seconds = (now - this.#lastReadingAt) / 1000;
    this.#lastReadingAt = now;
    const { name: phase, measured } = this.#phase;
    const machine = this.#cores.sample();
    const at = this.#now();
    const point = this.#recorder.add({ at, seconds, phase, measured, readings, processes, machine });
    // Of the whole series, which is long in a soak: looked at only by those who wait for it.
    if (this.#onSaturated !== null && this.#saturation() !== null) this.#onSaturated();
    const { attempts, admitted } = this.#prober.tally;
    this.#options.progress.point(point, { attempts, admitted }, durationOf(this.#options.scenario));
    for (const { name, kind, pid } of this.#processes.deaths()) {
      this.#recorder.onDeath(name, point.at);
      if (kind === 'generator' || this.#faults?.isPlanned(pid)) continue;
      this.#recorder.event(point.at, 'death', `${name} died`);
      // A worker is respawned; without a node or Redis the figures would be of another cluster.
      if (kind !== 'worker')
        this.broke(`${name} (process ${pid}) died at ${point.at} s, and nobody asked it to`);
    }
  }

  #interrupt(): void {
    this.#interrupted = true;
    this.#ending.abort();
  }

  /** Waits for a moment, or for the run's end. */
  async #until(moment: number, signal = this.#ending.signal): Promise<void> {
    const wait = moment - performance.now();
    if (wait <= 0) return;
    await sleep(wait, undefined, { signal }).catch(() => undefined);
  }

  #now(): number {
    return (performance.now() - this.#began) / 1000;
  }
}

function agentsFor(participants: number): number {
  return Math.max(1, Math.min(availableParallelism(), Math.ceil(participants / PER_AGENT)));
}

function regionsOf({ rooms }: Scenario): string[] {
  const named = rooms.flatMap(({ members }) =>
    members.flatMap(({ region }) => (typeof region === 'string' ? [region] : Object.keys(region))),
  );
  return [...new Set(named)];
}
