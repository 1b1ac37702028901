import { createWorker, type types } from 'mediasoup';
import type { Logger } from 'pino';
import { canJudgeAddresses, UnjudgedWorkerError } from './judged-addresses.ts';
import { socketBuffers } from './socket-buffers.ts';
import type { MediaOptions, WorkerEgress } from './types.ts';

const SPAWN_TIMEOUT_MS = 20_000;
const END_TIMEOUT_MS = 3_000;
const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
/** Of a worker that does not run. */
export const NO_EGRESS: WorkerEgress = {
  datagrams: 0,
  calls: 0,
  batches: 0,
  segments: 0,
  fallbacks: 0,
  failures: 0,
};

/** One worker process, from its start to its death, with its WebRTC server and what it is known to carry. */
export class WorkerLife {
  readonly index: number;
  readonly worker: types.Worker;
  readonly server: types.WebRtcServer;
  /** The UDP port (TCP where UDP is off) of the first listening address. */
  readonly port: number;
  /** Whether it takes media only from addresses that were judged. */
  readonly judgesAddresses: boolean;
  readonly startedAt = performance.now();
  /** Share of one core over the last measuring interval. */
  load = 0;
  routers = 0;
  consumers = 0;
  /** Routers placed since `load` was measured: they are not in it yet. */
  placed = 0;
  egress: WorkerEgress = NO_EGRESS;
  #cpu: { at: number; used: number } | undefined;
  #asked = false;

  private constructor(
    index: number,
    worker: types.Worker,
    server: types.WebRtcServer,
    port: number,
    judgesAddresses: boolean,
  ) {
    this.index = index;
    this.worker = worker;
    this.server = server;
    this.port = port;
    this.judgesAddresses = judgesAddresses;
  }

  /**
   * Starts a worker and its WebRTC server. Rejects when the binary does not run, a port is taken, or the worker
   * takes media from addresses that were not judged and the options do not allow that.
   */
  static async start(index: number, options: MediaOptions, logger: Logger): Promise<WorkerLife> {
    const worker = await spawn(options.workerBin, logger);
    try {
      const server = await worker.createWebRtcServer({ listenInfos: listenInfos(index, options) });
      const dump = await server.dump();
      const port = (options.enableUdp ? dump.udpSockets : dump.tcpServers)[0]?.port ?? 0;
      const { enableUdp, enableTcp } = options;
      const judges = await canJudgeAddresses(worker, { webRtcServer: server, enableUdp, enableTcp });
      if (!judges) {
        const refusal = new UnjudgedWorkerError(options.workerBin);
        if (options.mayTakeUnjudged !== true) throw refusal;
        logger.warn({ worker: index, code: refusal.code }, refusal.message);
      }
      return new WorkerLife(index, worker, server, port, judges);
    } catch (error) {
      worker.close();
      throw error;
    }
  }

  get pid(): number {
    return this.worker.pid;
  }

  /** False from the moment that the process is known to be gone, before any event tells of it. */
  get running(): boolean {
    return !this.worker.closed;
  }

  /** Measures `load`. Answers whether the worker answered the measurement before; false when it hangs. */
  measure(): boolean {
    if (this.#asked) return false;
    this.#asked = true;
    this.worker.getResourceUsage().then(
      (usage) => {
        this.#asked = false;
        const at = performance.now();
        const used = usage.ru_utime + usage.ru_stime;
        const before = this.#cpu;
        if (before && at > before.at) {
          this.load = Math.min(1, Math.max(0, (used - before.used) / (at - before.at)));
          this.placed = 0;
        }
        this.#cpu = { at, used };
        this.egress = egressOf(usage);
      },
      () => {
        // The worker is gone; its death is reported by its own event.
      },
    );
    return true;
  }

  /** Ends the process and resolves once it is gone; kills it when it does not go by itself. */
  async end(): Promise<void> {
    if (this.worker.subprocessClosed) return;
    const { worker } = this;
    await new Promise<void>((resolve) => {
      const kill = setTimeout(() => {
        try {
          process.kill(worker.pid, 'SIGKILL');
        } catch {
          resolve();
        }
      }, END_TIMEOUT_MS);
      worker.once('subprocessclose', () => {
        clearTimeout(kill);
        resolve();
      });
      worker.close();
    });
  }
}

/** Our worker tells it in the fields that Linux leaves at 0 (workers/patches/0002-udp-egress-batching.patch). */
function egressOf(usage: types.WorkerResourceUsage): WorkerEgress {
  return {
    datagrams: usage.ru_msgsnd,
    calls: usage.ru_ixrss,
    batches: usage.ru_idrss,
    segments: usage.ru_isrss,
    fallbacks: usage.ru_nswap,
    failures: usage.ru_nsignals,
  };
}

/**
 * Starts the process. mediasoup makes each worker close itself as soon as this process gets SIGINT or SIGTERM,
 * which would cut every call before it could be handed over; when to end is for this process to say, so those
 * handlers are taken away. (A worker that gets the signal itself still ends.)
 */
async function spawn(workerBin: string, logger: Logger): Promise<types.Worker> {
  const before = SIGNALS.map((signal) => new Set(process.listeners(signal)));
  const starting = createWorker({
    workerBin,
    logLevel: logger.isLevelEnabled('trace') ? 'debug' : 'warn',
  });
  SIGNALS.forEach((signal, i) => {
    for (const listener of process.listeners(signal)) {
      if (!before[i]?.has(listener)) process.removeListener(signal, listener);
    }
  });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`The worker did not start within ${SPAWN_TIMEOUT_MS / 1000} s.`));
      starting.then((worker) => worker.close()).catch(() => {});
    }, SPAWN_TIMEOUT_MS);
  });
  try {
    return await Promise.race([starting, late]);
  } finally {
    clearTimeout(timer);
  }
}

function listenInfos(index: number, options: MediaOptions): types.TransportListenInfo[] {
  const protocols = [
    ...(options.enableUdp ? (['udp'] as const) : []),
    ...(options.enableTcp ? (['tcp'] as const) : []),
  ];
  return options.listen.flatMap(({ ip, announced }) =>
    protocols.map((protocol) => ({
      protocol,
      ip,
      exposeInternalIp: false,
      ...(protocol === 'udp' && socketBuffers),
      // Without this, `::` would take the IPv4 port as well, and an address would show up as ::ffff:a.b.c.d.
      flags: { ipv6Only: ip.includes(':') },
      ...(announced !== undefined && { announcedAddress: announced }),
      ...(options.basePort !== 0 && { port: options.basePort + index }),
    })),
  );
}
