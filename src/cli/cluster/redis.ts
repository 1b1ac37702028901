import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ended } from './child.ts';

/** How long it may take to answer, in ms. */
const READY_MS = 10_000;

/**
 * Starts a Redis server that keeps nothing on disk. Rejects, with none left running, when it does not answer.
 * Debian's `setpriv` has the kernel end it when this process is killed, which would otherwise leave it behind.
 */
export async function startRedis(options: { port: number; dir: string }): Promise<ChildProcess> {
  const { port, dir } = options;
  await mkdir(dir, { recursive: true });
  const log = join(dir, 'redis.log');
  const settings = {
    port: String(port),
    bind: '127.0.0.1',
    dir,
    logfile: log,
    save: '',
    appendonly: 'no',
    daemonize: 'no',
    databases: '1',
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const [command, ...rest] = existsSync('/usr/bin/setpriv')
    ? ['/usr/bin/setpriv', '--pdeathsig', 'KILL', 'redis-server', ...args]
    : ['redis-server', ...args];
  // Detached: a terminal's Ctrl-C is for the cluster, which ends its nodes before their registry.
  const child = spawn(command, rest, { stdio: 'ignore', detached: true });
  const failed = ended(child).then(() => true);
  const deadline = performance.now() + READY_MS;
  while (!(await answers(port))) {
    const dead = await Promise.race([failed, sleep(50, false)]);
    if (dead || performance.now() > deadline) {
      child.kill('SIGKILL');
      const said = await readFile(log, 'utf8').catch(() => '');
      throw new Error(
        `redis-server did not start: ${said.trim().split('\n').at(-1) || 'is it installed? `npm run setup`'}`,
      );
    }
  }
  return child;
}

/** Whether a Redis says PONG there. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const finish = (yes: boolean) => {
      socket.destroy();
      resolve(yes);
    };
    socket.setTimeout(1000, () => finish(false));
    socket.once('error', () => finish(false));
    socket.once('connect', () => socket.write('PING\r\n'));
    socket.once('data', (data) => finish(data.toString().startsWith('+PONG')));
  });
}
