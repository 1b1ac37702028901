import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../testing/free-port.ts';
import { waitFor } from '../../testing/wait.ts';

export interface RedisServer {
  readonly port: number;
  readonly url: string;
  /** Its working directory, which goes with it. */
  readonly dir: string;
  /** Ends it, as an operator would, keeping the port; `start` brings a new one without the data. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Kills it. */
  kill(): Promise<void>;
  /** Has it say nothing, with its sockets open. */
  pause(): void;
  resume(): void;
  /** Ends it for good. */
  end(): Promise<void>;
}

export interface RedisServerOptions {
  /** Settings as in redis.conf. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly port?: number;
  /** `--sentinel`, with this configuration file's text. */
  readonly args?: (dir: string) => readonly string[];
  /** Whether it is reached over TLS alone; then its port is not asked for an answer in plain text. */
  readonly plain?: boolean;
}

/** A redis-server of the test's own, on a free port of loopback, that keeps nothing on disk. */
export async function startRedisServer(options: RedisServerOptions = {}): Promise<RedisServer> {
  const port = options.port ?? (await freePort());
  const dir = mkdtempSync(join(tmpdir(), 'redis-'));
  const settings = {
    ...(options.args === undefined && { save: '', appendonly: 'no' }),
    ...(options.plain === false ? { port: '0', 'tls-port': String(port) } : { port: String(port) }),
    bind: '127.0.0.1',
    dir,
    logfile: join(dir, 'redis.log'),
    ...options.settings,
  };
  const args = [
    ...(options.args?.(dir) ?? []),
    ...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
  ];
  let child: ChildProcess | null = null;

  const start = async (): Promise<void> => {
    const started = spawn('redis-server', args, { stdio: 'ignore' });
    child = started;
    await waitFor('redis-server to answer', async () => {
      if (started.exitCode !== null) throw new Error(readFileSync(settings.logfile, 'utf8'));
      return answers(port, options.plain !== false);
    });
  };
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    const stopping = child;
    child = null;
    if (stopping === null || stopping.exitCode !== null || stopping.signalCode !== null) return;
    const ended = once(stopping, 'exit');
    stopping.kill('SIGCONT');
    stopping.kill(signal);
    await ended;
  };

  await start();
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    dir,
    start,
    stop: () => stop('SIGTERM'),
    kill: () => stop('SIGKILL'),
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    end: async () => {
      await stop('SIGKILL');
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function answers(port: number, plain: boolean): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => {
      if (plain) socket.write('PING\r\n');
      else end(true);
    });
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(1000, () => end(false));
    // One that wants a password answers too.
    socket.on('data', (data) => end(/^(\+PONG|-NOAUTH)/.test(data.toString())));
    socket.on('error', () => end(false));
  });
}
