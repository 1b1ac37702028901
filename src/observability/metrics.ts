import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/**
 * What the metrics of a node are read from, at each scrape. Nothing in it names a room, peer, token or address:
 * labels are closed sets.
 */
export interface MetricSources {
  readonly version: string;
  readonly datacenter: string;
  readonly cloud: string;
  ready(): boolean;
  sessions(): number;
  rooms(): number;
  peers(): number;
  workers(): readonly WorkerSample[];
  /** The forwarding core's binary. */
  readonly worker: { readonly version: string; readonly origin: string; readonly sha256: string };
  /** Null while the node has no valid policy. */
  policy(): { readonly version: number; readonly digest: string; readonly expires: number | null } | null;
  geo(): GeoSample;
}

export interface WorkerSample {
  readonly index: number;
  readonly state: string;
  readonly load: number;
  readonly routers: number;
  readonly consumers: number;
  readonly restarts: number;
  /** Since the worker process started. */
  readonly egress: {
    readonly datagrams: number;
    readonly calls: number;
    readonly batches: number;
    readonly segments: number;
    readonly fallbacks: number;
    readonly failures: number;
  };
}

export interface GeoSample {
  readonly configured: boolean;
  readonly sha256: string | null;
  /** Milliseconds since the epoch. */
  readonly builtAt: number | null;
  readonly problem: string | null;
}

const WORKER_STATES = ['starting', 'running', 'dead'];

/**
 * A registry with everything that is read at the scrape, and the process's own metrics (CPU, memory, event
 * loop). Whoever counts events registers its own counters in it.
 */
export function createMetrics(sources: MetricSources, registry: Registry = new Registry()): Registry {
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const gauge = <L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    read: (gauge: Gauge<L>) => void,
  ): Gauge<L> =>
    new Gauge<L>({
      name: `watershed_${name}`,
      help,
      labelNames,
      registers,
      collect() {
        // What is no longer reported (a policy's digest, a worker) must not stay.
        this.reset();
        // prom-client resets a gauge without labels to 0, which as a time would be 1970.
        if (labelNames.length === 0) this.remove();
        read(this);
      },
    });
  const value = (name: string, help: string, read: () => number) =>
    gauge(name, help, [], (g) => g.set(read()));

  gauge('info', 'The node: always 1.', ['version', 'datacenter', 'cloud'], (g) => {
    g.set({ version: sources.version, datacenter: sources.datacenter, cloud: sources.cloud }, 1);
  });
  value('ready', 'Whether the node takes new sessions.', () => (sources.ready() ? 1 : 0));
  value('sessions', 'Open sessions, those that may be resumed included.', () => sources.sessions());
  value('rooms', 'Open rooms.', () => sources.rooms());
  value('peers', 'Peers in rooms.', () => sources.peers());

  gauge('worker_info', 'The forwarding core: always 1.', ['version', 'origin', 'sha256'], (g) => {
    const { version, origin, sha256 } = sources.worker;
    g.set({ version, origin, sha256: short(sha256) }, 1);
  });
  gauge('workers', 'Workers by state.', ['state'], (g) => {
    for (const state of WORKER_STATES) {
      g.set({ state }, sources.workers().filter((worker) => worker.state === state).length);
    }
  });
  const perWorker = (name: string, help: string, read: (worker: WorkerSample) => number) =>
    gauge(name, help, ['worker'], (g) => {
      for (const worker of sources.workers()) g.set({ worker: String(worker.index) }, read(worker));
    });
  perWorker('worker_load_ratio', 'Share of one core, 0 to 1.', (worker) => worker.load);
  perWorker('worker_routers', 'Routers of the worker.', (worker) => worker.routers);
  perWorker('worker_consumers', 'Consumers of the worker.', (worker) => worker.consumers);
  perWorker('worker_restarts', 'Times that the worker was started again.', (worker) => worker.restarts);

  const total = (name: string, help: string, read: (egress: WorkerSample['egress']) => number) =>
    new Counter({
      name: `watershed_${name}_total`,
      help,
      labelNames: ['worker'],
      registers,
      collect() {
        this.reset();
        for (const worker of sources.workers())
          this.inc({ worker: String(worker.index) }, read(worker.egress));
      },
    });
  total('worker_sent_datagrams', 'Packets sent over UDP and TCP.', (egress) => egress.datagrams);
  total('worker_send_calls', 'System calls that sent them.', (egress) => egress.calls);
  total(
    'worker_sent_batches',
    'Messages that the kernel cut into several UDP datagrams (GSO).',
    (egress) => egress.batches,
  );
  total('worker_sent_segments', 'UDP datagrams that it cut out of them.', (egress) => egress.segments);
  total('worker_send_fallbacks', 'Packets that took a slower way.', (egress) => egress.fallbacks);
  total('worker_send_failures', 'Packets that could not be sent.', (egress) => egress.failures);

  gauge(
    'policy_info',
    'The policy that decides: always 1; absent without one.',
    ['version', 'digest'],
    (g) => {
      const policy = sources.policy();
      if (policy) g.set({ version: String(policy.version), digest: short(policy.digest) }, 1);
    },
  );
  gauge(
    'policy_expires_timestamp_seconds',
    'When the policy expires; absent where it never does.',
    [],
    (g) => {
      const expires = sources.policy()?.expires ?? null;
      if (expires !== null) g.set(expires / 1000);
    },
  );

  gauge('geo_info', 'The address database in use: always 1; absent without one.', ['sha256'], (g) => {
    const { sha256 } = sources.geo();
    if (sha256 !== null) g.set({ sha256: short(sha256) }, 1);
  });
  gauge('geo_built_timestamp_seconds', 'When the address database was built.', [], (g) => {
    const { builtAt } = sources.geo();
    if (builtAt !== null) g.set(builtAt / 1000);
  });
  value('geo_ok', '0 while a configured address database cannot be read.', () =>
    sources.geo().problem === null ? 1 : 0,
  );
  return registry;
}

/** What sessions count: requests, ends of connections, resumes. Labels are closed sets of the protocol. */
export interface SessionCounters {
  request(method: string, result: string, seconds: number): void;
  connectionEnded(end: string): void;
  resumed(result: string): void;
}

/** Registers the counters of sessions. */
export function createSessionCounters(registry: Registry): SessionCounters {
  const registers = [registry];
  const requests = new Histogram({
    name: 'watershed_request_seconds',
    help: 'Requests of watershed.v1 by method and result, with the wait for their turn.',
    labelNames: ['method', 'result'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
    registers,
  });
  const ends = new Counter({
    name: 'watershed_connections_ended_total',
    help: 'Ended connections by reason.',
    labelNames: ['reason'],
    registers,
  });
  const resumes = new Counter({
    name: 'watershed_resumes_total',
    help: 'Resumed sessions by how, and refused resumes.',
    labelNames: ['result'],
    registers,
  });
  return {
    request: (method, result, seconds) => requests.observe({ method, result }, seconds),
    connectionEnded: (reason) => ends.inc({ reason }),
    resumed: (result) => resumes.inc({ result }),
  };
}

/** Enough of a digest to compare by eye; the whole is in the log. */
function short(digest: string): string {
  return digest.replace(/^sha256:/, '').slice(0, 12);
}
