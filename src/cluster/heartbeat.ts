import type { RecordSealer } from '../identity/sealer.ts';
import { WatershedError } from '../protocol/errors.ts';
import type { Call, NodeEntry, NodeRecord, NodeState, Registry } from '../registry/port.ts';
import { withTimeout } from './with-timeout.ts';

/** Whose answers are waited for. */
const REGISTRY = 'the registry';
/** How often the record is announced, and how long it stands without: it ends within 10 s of a node's death. */
export const HEARTBEAT_MS = 3000;
export const LEASE_MS = 9000;
/** A registry that does not answer counts as failed after this. */
const ANNOUNCE_TIMEOUT_MS = 1500;
/** Waits before a failed announcement is repeated; then the next beat tries. */
const RETRY_MS = [200, 600];

/** What of the record changes from beat to beat. */
export interface NodeStatus {
  /** 0 (idle) to 1 (full). */
  readonly load: number;
  /** Room for one more room. */
  readonly accepting: boolean;
  /** Digest of the policy that the node runs; empty for none. */
  readonly policy: string;
  /** `ready` where the node itself is; the heartbeat says `draining` by itself. */
  readonly state: Exclude<NodeState, 'draining'>;
}

export interface HeartbeatDeps {
  readonly registry: Pick<Registry, 'announce' | 'withdraw'>;
  readonly sealer: Pick<RecordSealer, 'seal'>;
  readonly node: Pick<NodeRecord, 'id' | 'datacenter' | 'url' | 'link' | 'epoch' | 'version'>;
  readonly status: () => NodeStatus;
  /** Told when announcing begins to fail, and when it works again. */
  readonly onHealth?: (healthy: boolean, error: unknown) => void;
  readonly intervalMs?: number;
  readonly leaseMs?: number;
  /** Monotonic, in ms. */
  readonly now?: () => number;
}

export interface Heartbeat {
  /** Announces once (its failure is not thrown, but told to `onHealth`), and from then on regularly. */
  start(): Promise<void>;
  /** Whether the record stands in the registry, as far as this node can know. */
  healthy(): boolean;
  /** Why it does not stand there; null while it does. */
  problem(): string | null;
  /** The newest announcement that stands in the registry; null before the first. */
  announced(): Pick<NodeRecord, 'epoch' | 'sequence'> | null;
  /** Announces at once that nobody new is taken; the record stays until `stop`. */
  drain(): Promise<void>;
  /** Ends the heartbeat and withdraws the record; never rejects: the lease would end it too. Idempotent. */
  stop(): Promise<void>;
}

/** Keeps this node's record in the registry. */
export function createHeartbeat(deps: HeartbeatDeps): Heartbeat {
  const {
    registry,
    sealer,
    node,
    intervalMs = HEARTBEAT_MS,
    leaseMs = LEASE_MS,
    now = () => performance.now(),
  } = deps;
  const stopped = new AbortController();
  let draining = false;
  let lastSuccess: number | undefined;
  let told: boolean | undefined;
  let failure: string | undefined;
  let sequence = 0;
  let calls: readonly Call[] = [];
  let announced: Pick<NodeRecord, 'epoch' | 'sequence'> | null = null;
  let running: Promise<void> | undefined;
  let beating: Promise<void> = Promise.resolve();

  const entry = (): NodeEntry => {
    const { state, ...status } = deps.status();
    const own: NodeRecord = draining
      ? { ...node, ...status, sequence: sequence++, calls, state: 'draining', accepting: false }
      : { ...node, ...status, sequence: sequence++, calls, state };
    // One that takes nobody is not to stand in the way of those that do.
    const load = own.state === 'ready' && own.accepting ? own.load : 1;
    return { id: node.id, datacenter: node.datacenter, load, body: sealer.seal(own) };
  };

  const tell = (healthy: boolean, error?: unknown): void => {
    if (healthy === told) return;
    told = healthy;
    deps.onHealth?.(healthy, error);
  };

  const announce = async (): Promise<void> => {
    for (let attempt = 0; !stopped.signal.aborted; attempt++) {
      try {
        const next = { epoch: node.epoch, sequence };
        calls = await withTimeout(registry.announce(entry(), leaseMs), ANNOUNCE_TIMEOUT_MS, REGISTRY);
        announced = next;
        lastSuccess = now();
        tell(true);
        return;
      } catch (error) {
        failure = reasonOf(error);
        tell(false, error);
        const wait = RETRY_MS[attempt];
        if (wait === undefined || !(await pause(wait, stopped.signal))) return;
      }
    }
  };

  /** One announcement at a time, so that an older record never overtakes a newer one. */
  const beat = (): Promise<void> => {
    beating = beating.then(announce);
    return beating;
  };

  const run = async (): Promise<void> => {
    while (await pause(intervalMs, stopped.signal)) await beat();
  };

  const healthy = (): boolean =>
    !stopped.signal.aborted && lastSuccess !== undefined && now() - lastSuccess < leaseMs;

  return {
    async start() {
      if (running !== undefined) return;
      const first = beat();
      running = first.then(run);
      await first;
    },
    healthy,
    problem: () =>
      healthy() ? null : `this node is not registered${failure === undefined ? '' : `: ${failure}`}`,
    announced: () => announced,
    async drain() {
      if (draining || stopped.signal.aborted) return;
      draining = true;
      await beat();
    },
    async stop() {
      if (stopped.signal.aborted) return;
      stopped.abort();
      await running;
      await beating;
      await withTimeout(registry.withdraw(node), ANNOUNCE_TIMEOUT_MS, REGISTRY).catch((error: unknown) =>
        tell(false, error),
      );
    },
  };
}

/** The node's load: the mean over its running workers. Without one, full. */
export function loadOf(workers: readonly { state: string; load: number }[]): number {
  const running = workers.filter((worker) => worker.state === 'running');
  if (running.length === 0) return 1;
  const sum = running.reduce((total, worker) => total + Math.min(Math.max(worker.load, 0), 1), 0);
  return sum / running.length;
}

/** For `/readyz`, which anyone may read: of errors from elsewhere only that there was one. */
function reasonOf(error: unknown): string {
  return error instanceof WatershedError && error.detail !== undefined
    ? error.detail
    : 'the registry cannot be reached';
}

/** True after `ms`; false at once when stopped. */
function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const timer = setTimeout(() => end(true), ms);
    const stop = () => end(false);
    const end = (elapsed: boolean) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      resolve(elapsed);
    };
    signal.addEventListener('abort', stop);
  });
}
