import type { Logger } from 'pino';
import { isWorkerGone } from './media-error.ts';
import { RoomRouter, type RoomRouterListener } from './room-router.ts';
import type { MediaLimits } from './types.ts';
import type { WorkerPool } from './worker-pool.ts';

/** How long a seat may take when no worker runs: a respawn takes less. */
const SEAT_TIMEOUT_MS = 3_000;

/**
 * A room's routers, one per worker that it uses, and which peer sits on which. The room stays on one worker
 * while its consumers there are fewer than the limit, then takes in the next worker for those who come later.
 */
export class Seating {
  readonly #pool: WorkerPool;
  readonly #limits: MediaLimits;
  readonly #expected: (router: RoomRouter) => number;
  readonly #listener: RoomRouterListener;
  readonly #logger: Logger;
  readonly #seats = new Map<string, RoomRouter>();
  #routers: RoomRouter[] = [];
  #turn: Promise<unknown> = Promise.resolve();
  #closed = false;

  /** `expected` says how many consumers a router's peers will have, counted from what is published now. */
  constructor(
    pool: WorkerPool,
    limits: MediaLimits,
    expected: (router: RoomRouter) => number,
    listener: RoomRouterListener,
    logger: Logger,
  ) {
    this.#pool = pool;
    this.#limits = limits;
    this.#expected = expected;
    this.#listener = listener;
    this.#logger = logger;
  }

  get routers(): readonly RoomRouter[] {
    return this.#routers;
  }

  of(peerId: string): RoomRouter | undefined {
    return this.#seats.get(peerId);
  }

  /** Makes sure that the room has a router; throws `worker_unavailable`. */
  async open(): Promise<void> {
    await this.#inTurn(() => this.#choose(performance.now() + SEAT_TIMEOUT_MS));
  }

  /** The peer's router, or a seat on one; waits for a worker, then throws `worker_unavailable`. */
  async seat(peerId: string): Promise<RoomRouter> {
    const deadline = performance.now() + SEAT_TIMEOUT_MS;
    return this.#inTurn(async () => {
      const seated = this.#seats.get(peerId);
      if (seated?.running) return seated;
      const router = await this.#choose(deadline);
      if (this.#closed) return router;
      this.#seats.set(peerId, router);
      router.peers.add(peerId);
      return router;
    });
  }

  unseat(peerId: string): void {
    const router = this.#seats.get(peerId);
    if (!router) return;
    this.#seats.delete(peerId);
    router.peers.delete(peerId);
    this.vacate(router);
  }

  /**
   * Closes a router that nobody sits on any more, and that nothing arrives at for others, unless it is the room's
   * last.
   */
  vacate(router: RoomRouter): void {
    if (router.peers.size > 0 || router.landings > 0 || this.#routers.length === 1) return;
    if (this.#routers.includes(router)) this.#drop(router);
  }

  /** The router's worker died. Returns who sat there. */
  died(router: RoomRouter): string[] {
    const peers = [...router.peers];
    for (const peerId of peers) this.#seats.delete(peerId);
    router.peers.clear();
    this.#drop(router);
    return peers;
  }

  close(): void {
    this.#closed = true;
    for (const router of this.#routers) router.close();
    this.#routers = [];
    this.#seats.clear();
  }

  async #choose(deadline: number): Promise<RoomRouter> {
    for (;;) {
      const running = this.#routers.filter((router) => router.running);
      const fullness = new Map(running.map((router) => [router, this.#fullness(router)]));
      const emptiest = running.sort((a, b) => (fullness.get(a) ?? 0) - (fullness.get(b) ?? 0))[0];
      if (emptiest && this.#fullness(emptiest) < this.#limits.consumersPerWorker) return emptiest;
      const used = new Set(running.map(({ life }) => life));
      const next = this.#pool.leastLoaded((life) => !used.has(life));
      if (!next && emptiest) return emptiest;
      const life = next ?? (await this.#pool.take(deadline));
      try {
        const router = await RoomRouter.open(life, this.#limits, this.#listener, this.#logger);
        if (this.#closed) router.close();
        else this.#routers.push(router);
        return router;
      } catch (error) {
        if (!isWorkerGone(error)) throw error;
      }
    }
  }

  #fullness(router: RoomRouter): number {
    return Math.max(router.consumers, this.#expected(router));
  }

  #drop(router: RoomRouter): void {
    this.#routers = this.#routers.filter((other) => other !== router);
    for (const other of this.#routers) other.forget(router);
    router.close();
  }

  /** One seat after the other, so that two who come at once do not each open a router. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }
}
