import { writeSync } from 'node:fs';
import type { NodeConfig } from '../config/schema.ts';
import type { DefectKind } from '../node/defects.ts';
import { type Control, listenForDrain } from './drain-control.ts';

/** A node that is ready, as its composition root hands it over. */
export interface RunningNode {
  /** Of the page: `http(s)://HOST:PORT`. */
  readonly url: string;
  readonly datacenter: string;
  readonly region: string;
  /** Null while there is none: then the node admits nobody. */
  readonly policy: { readonly version: number; readonly digest: string } | null;
  readonly worker: {
    readonly version: string;
    readonly origin: string;
    /** False where it takes media before the address that it comes from is judged: in development alone. */
    readonly judgesAddresses: boolean;
  };
  /**
   * Takes the node out of service: nobody new, calls may end by themselves for `waitMs`, then everyone is told to
   * join elsewhere. Resolves once nobody is here, in bounded time. Called again with 0 it hastens.
   */
  drain(waitMs: number): Promise<void>;
  /** Tells it of a failure in the process that nobody expected; see node/defects.ts. */
  defect(kind: DefectKind, error: unknown): void;
  /** Who is still here. */
  occupancy(): { readonly rooms: number; readonly sessions: number };
  /** Ends sessions, workers and listeners; idempotent. */
  close(): Promise<void>;
}

/** Starts a node; rejects when it cannot become ready. */
export type RunNode = (config: NodeConfig) => Promise<RunningNode>;

/** What the life of a node needs of the process around it. */
export interface ProcessPort {
  onSignal(listener: (signal: NodeJS.Signals) => void): void;
  /** Called instead of the process's end by a rejection that nobody waits for, or an exception that nobody catches. */
  onDefect(listener: (kind: DefectKind, error: unknown) => void): void;
  out(text: string): void;
  err(text: string): void;
  exit(code: number): void;
}

/** From the first signal to the process's end, in ms. */
export const CLOSE_WITHIN_MS = 7000;
/**
 * A signal that comes again within this, in ms, is the same one: a terminal signals the whole process group,
 * and npm passes on what it gets to its child as well.
 */
const SAME_SIGNAL_MS = 1000;

export const processPort: ProcessPort = {
  onSignal(listener) {
    process.on('SIGTERM', listener).on('SIGINT', listener);
  },
  onDefect(listener) {
    process.on('unhandledRejection', (error) => listener('rejection', error));
    process.on('uncaughtException', (error) => listener('exception', error));
  },
  out(text) {
    try {
      writeSync(process.stdout.fd, text);
    } catch {
      // A disk that is full, or nobody who reads: a node starts without its announcement.
    }
  },
  err: (text) => void process.stderr.write(text),
  exit: (code) => process.exit(code),
};

/** How a node is to end. */
type EndOrder = { readonly how: 'close' } | { readonly how: 'drain'; readonly waitMs: number };

/**
 * Runs a node until it is told to end. SIGTERM drains it and then closes it, SIGINT (Ctrl-C) closes it, each in
 * bounded time; a second signal ends the process at once. `watershed node drain` is a third way, and one signal
 * after it hastens. An exception that nobody caught drains as well, and ends with 1, so that a supervisor starts the
 * node anew; the node goes on after a rejection that nobody waited for. Exit codes: 0 closed, 1 could not start, or
 * close in time, or has a defect, 128 + n at once.
 */
export async function runUntilSignalled(
  config: NodeConfig,
  run: RunNode,
  port: ProcessPort = processPort,
  closeWithinMs = CLOSE_WITHIN_MS,
): Promise<void> {
  let signalledAt: number | null = null;
  let running: RunningNode | null = null;
  let ordered = false;
  let broken = false;
  let give: (order: EndOrder) => void = () => {};
  const order = new Promise<EndOrder>((resolve) => {
    give = resolve;
  });
  const end = (by: EndOrder): void => {
    // Of a drain that is under way already; that it fails is told below.
    if (ordered) void running?.drain(by.how === 'close' ? 0 : by.waitMs).catch(() => undefined);
    ordered = true;
    give(by);
  };
  const boundClosing = () => {
    setTimeout(() => {
      port.err(`not closed within ${closeWithinMs / 1000} s: ending now\n`);
      port.exit(1);
    }, closeWithinMs);
  };
  port.onSignal((signal) => {
    const now = performance.now();
    if (signalledAt === null) {
      signalledAt = now;
      end(signal === 'SIGINT' ? { how: 'close' } : { how: 'drain', waitMs: 0 });
      if (running === null) boundClosing();
    } else if (now - signalledAt > SAME_SIGNAL_MS) {
      port.exit(128 + (signal === 'SIGINT' ? 2 : 15));
    }
  });

  port.onDefect((kind, error) => {
    if (running === null) {
      port.err(`${startFailure(error, config)}\n`);
      port.exit(1);
      return;
    }
    running.defect(kind, error);
    if (kind === 'rejection' || broken) return;
    broken = true;
    end({ how: 'drain', waitMs: 0 });
  });

  let control: Control | null = null;
  try {
    const node = await run(config);
    running = node;
    if (config.drain.socket !== null) {
      control = await listenForDrain(config.drain.socket, {
        drain: (whenEmpty) => end({ how: 'drain', waitMs: whenEmpty ? config.drain.emptySeconds * 1000 : 0 }),
        occupancy: () => node.occupancy(),
      });
    }
  } catch (error) {
    port.err(`${startFailure(error, config)}\n`);
    await running?.close().catch(() => undefined);
    port.exit(1);
    return;
  }
  if (signalledAt === null) port.out(announcement(running));
  try {
    const ending = await order;
    if (ending.how === 'drain') await running.drain(ending.waitMs);
    boundClosing();
    await running.close();
    control?.close();
    port.exit(broken ? 1 : 0);
  } catch (error) {
    port.err(`the node did not close cleanly: ${messageOf(error)}\n`);
    port.exit(1);
  }
}

/** What a person wants to see when a node is ready. */
function announcement({ url, datacenter, region, policy, worker }: RunningNode): string {
  return [
    'Watershed is ready.',
    `  page        ${url}`,
    `  datacenter  ${datacenter}${region === '' ? '' : `, region ${region}`}`,
    `  policy      ${policy === null ? 'none yet: nobody is admitted' : `version ${policy.version}, ${policy.digest}`}`,
    `  worker      mediasoup ${worker.version}, ${worker.origin}`,
    ...(worker.judgesAddresses
      ? []
      : [
          '  WARNING     this worker takes media before the address it comes from is judged: not for production',
        ]),
    '',
  ].join('\n');
}

/** What a person is told of a node that cannot start, and what to do. */
export function startFailure(error: unknown, { http, media, cluster: { link } }: NodeConfig): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const port = error instanceof Error && 'port' in error ? error.port : http.port;
  const address = error instanceof Error && 'address' in error ? error.address : http.host;
  const ofLinks = port === link.port && port !== http.port;
  if (code === 'EADDRINUSE') {
    const ofMedia = port !== http.port && media.basePort > 0;
    const key = ofLinks
      ? 'cluster.link.port'
      : ofMedia
        ? 'media.basePort (WATERSHED_MEDIA_BASE_PORT)'
        : 'http.port (WATERSHED_HTTP_PORT)';
    return `port ${port} is in use: end what listens there (another node?), or set ${key} to another`;
  }
  if (code === 'EACCES')
    return `port ${port} may not be opened by this user: set ${ofLinks ? 'cluster.link.port' : 'http.port'} to one above 1023`;
  if (code === 'EADDRNOTAVAIL') {
    return `${ofLinks ? 'cluster.link.host' : 'http.host'} ${address} is no address of this machine`;
  }
  return `the node could not start: ${messageOf(error)}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
