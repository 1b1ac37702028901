import { EventEmitter } from 'node:events';
import type { Logger } from 'pino';
import { WatershedError } from '../protocol/errors.ts';
import type { MediaEngineEvents, MediaOptions, WorkerStatus } from './types.ts';
import { NO_EGRESS, WorkerLife } from './worker-life.ts';

const MEASURE_INTERVAL_MS = 2_000;
/** Measurements in a row without an answer after which a worker counts as hung, and is killed. */
const HUNG_AFTER = 8;
/** A worker that ran this long starts the back-off anew. */
const STABLE_AFTER_MS = 30_000;
const MAX_RESPAWN_DELAY_MS = 5_000;
/** A worker that was asked to end by a signal is replaced later: mostly the whole node is ending with it. */
const ASKED_TO_END_DELAY_MS = 3_000;
/** What a router is taken to cost until it is measured, as a share of a core. */
const UNMEASURED_ROUTER = 0.02;

interface Slot {
  readonly index: number;
  life: WorkerLife | null;
  /** Deaths and failed starts in a row. */
  failures: number;
  restarts: number;
  starting: boolean;
  unanswered: number;
  timer: NodeJS.Timeout | undefined;
}

/** Delay before the start after the n-th failure in a row, in ms: none for the first, then doubling to 5 s. */
export function respawnDelay(failures: number): number {
  return failures <= 1 ? 0 : Math.min(MAX_RESPAWN_DELAY_MS, 250 * 2 ** (failures - 2));
}

/** The node's workers: keeps as many running as configured, and knows which has the most room. */
export class WorkerPool extends EventEmitter<MediaEngineEvents> {
  readonly #options: MediaOptions;
  readonly #logger: Logger;
  readonly #slots: Slot[];
  #measuring: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;

  private constructor(options: MediaOptions, logger: Logger) {
    super();
    this.setMaxListeners(0);
    this.#options = options;
    this.#logger = logger;
    this.#slots = Array.from({ length: options.workers }, (_, index) => ({
      index,
      life: null,
      failures: 0,
      restarts: 0,
      starting: true,
      unanswered: 0,
      timer: undefined,
    }));
  }

  /** Starts every worker; rejects, with none left running, when one cannot start. */
  static async start(options: MediaOptions, logger: Logger): Promise<WorkerPool> {
    const pool = new WorkerPool(options, logger);
    const started = await Promise.allSettled(pool.#slots.map((slot) => pool.#start(slot)));
    const failed = started.find((result) => result.status === 'rejected');
    if (failed) {
      await pool.close();
      throw failed.reason;
    }
    pool.#measuring = setInterval(() => pool.#measure(), MEASURE_INTERVAL_MS);
    pool.#measuring.unref();
    pool.#measure();
    return pool;
  }

  status(): WorkerStatus[] {
    return this.#slots.map(({ index, life, starting, restarts }) => ({
      index,
      pid: life?.pid ?? null,
      state: life?.running ? 'running' : starting ? 'starting' : 'dead',
      load: life?.load ?? 0,
      routers: life?.routers ?? 0,
      consumers: life?.consumers ?? 0,
      port: life?.port ?? 0,
      restarts,
      judgesAddresses: life?.judgesAddresses ?? true,
      egress: life?.egress ?? NO_EGRESS,
    }));
  }

  /** The running worker with the least load, among those that `fits` accepts. */
  leastLoaded(fits: (life: WorkerLife) => boolean = () => true): WorkerLife | undefined {
    const running = this.#slots.flatMap(({ life }) => (life?.running && fits(life) ? [life] : []));
    return running.sort((a, b) => rank(a) - rank(b) || a.consumers - b.consumers || a.routers - b.routers)[0];
  }

  /**
   * The least loaded worker; waits for one to run until `deadline` (of `performance.now()`), then throws
   * `worker_unavailable`.
   */
  async take(deadline: number): Promise<WorkerLife> {
    for (;;) {
      const life = this.leastLoaded();
      if (life) return life;
      const left = deadline - performance.now();
      if (left <= 0 || this.#closing) throw new WatershedError('worker_unavailable');
      await this.#nextStart(left);
    }
  }

  /** Ends every worker and resolves once their processes are gone; idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    clearInterval(this.#measuring);
    for (const slot of this.#slots) clearTimeout(slot.timer);
    await Promise.all(this.#slots.map(({ life }) => life?.end()));
  }

  #nextStart(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.off('workerStarted', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.on('workerStarted', done);
    });
  }

  async #start(slot: Slot): Promise<void> {
    slot.starting = true;
    try {
      const life = await WorkerLife.start(slot.index, this.#options, this.#logger);
      if (this.#closing) {
        await life.end();
        return;
      }
      slot.life = life;
      slot.unanswered = 0;
      life.worker.on('died', (error) => this.#died(slot, life, error));
      // It may have died between its start and now.
      if (!life.running) this.#died(slot, life, new Error('died at its start'));
      else this.#tell(() => this.emit('workerStarted', { index: slot.index, pid: life.pid }));
    } finally {
      slot.starting = false;
    }
  }

  #died(slot: Slot, life: WorkerLife, error: Error): void {
    if (slot.life !== life) return;
    slot.life = null;
    // A worker ends with code 0 only when it was asked to: by us, or by SIGINT or SIGTERM.
    const asked = /\bcode:0\b/.test(error.message);
    const expected = asked || this.#closing !== undefined;
    slot.failures = performance.now() - life.startedAt >= STABLE_AFTER_MS ? 1 : slot.failures + 1;
    if (!expected) {
      this.#logger.error({ worker: slot.index, pid: life.pid, reason: error.message }, 'worker died');
    }
    if (!this.#closing) this.#respawn(slot, asked ? ASKED_TO_END_DELAY_MS : respawnDelay(slot.failures));
    this.#tell(() => this.emit('workerDied', { index: slot.index, pid: life.pid, expected }));
  }

  #respawn(slot: Slot, delay: number): void {
    slot.starting = delay === 0;
    slot.timer = setTimeout(() => {
      if (this.#closing) return;
      this.#start(slot).then(
        () => {
          slot.restarts += 1;
        },
        (error: unknown) => {
          slot.failures += 1;
          this.#logger.error({ worker: slot.index, err: error }, 'worker could not start');
          if (!this.#closing) this.#respawn(slot, respawnDelay(slot.failures));
        },
      );
    }, delay);
  }

  #measure(): void {
    for (const slot of this.#slots) {
      if (!slot.life?.running) continue;
      slot.unanswered = slot.life.measure() ? 0 : slot.unanswered + 1;
      if (slot.unanswered < HUNG_AFTER) continue;
      slot.unanswered = 0;
      this.#logger.error({ worker: slot.index, pid: slot.life.pid }, 'worker hangs and is killed');
      try {
        process.kill(slot.life.pid, 'SIGKILL');
      } catch {
        // It has just died by itself.
      }
    }
  }

  #tell(emit: () => void): void {
    try {
      emit();
    } catch (error) {
      this.#logger.error({ err: error }, 'a listener of the media engine failed');
    }
  }
}

/** Load in steps of 5 %, so that noise does not outweigh what the tie-breakers know. */
function rank(life: WorkerLife): number {
  return Math.round((life.load + life.placed * UNMEASURED_ROUTER) * 20);
}
