import { execFileSync } from 'node:child_process';
import { processIsAlive } from '../../workers/lock.ts';

/** Runs `ip`; throws with what it said. */
export function ip(...args: readonly string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Does what can still be done of these, whatever was not made or is gone. */
export function undo(...commands: readonly (readonly string[])[]): void {
  for (const args of commands) {
    try {
      ip(...args);
    } catch {
      // Was not made, or is gone.
    }
  }
}

/**
 * Removes network namespaces of processes that were killed before they could: theirs have names of `prefix`, the
 * number of their process, and what distinguishes them. A namespace's devices go with it.
 */
export function removeAbandoned(prefix: string): void {
  for (const line of execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' }).split('\n')) {
    const name = line.split(' ')[0] ?? '';
    const pid = name.startsWith(prefix) ? Number.parseInt(name.slice(prefix.length), 10) : 0;
    if (pid > 0 && !processIsAlive(pid)) undo(['netns', 'del', name]);
  }
}

/** What is put before a command that is to run in a namespace; it replaces itself by the command. */
export function within(namespace: string): readonly string[] {
  return ['ip', 'netns', 'exec', namespace];
}

export interface VethOptions {
  /** Of the namespace's name. */
  readonly prefix: string;
  /** Begin of the devices' names; at most five characters. */
  readonly device: string;
  /** IPv4 addresses of the two ends, within one /30. */
  readonly here: string;
  readonly there: string;
  readonly mtu?: number;
}

/** A namespace at the end of a cable from this one. */
export interface Veth {
  readonly namespace: string;
  /** Names of the devices here and there. */
  readonly outer: string;
  readonly inner: string;
  /** Put before a command to run it there. */
  readonly command: readonly string[];
  /** Removes everything; idempotent. */
  close(): void;
}

/** Throws, with nothing left, where that may not be done: it takes root, iproute2, and a kernel with both. */
export function openVeth({ prefix, device, here, there, mtu = 1500 }: VethOptions): Veth {
  const id = String(process.pid);
  const namespace = `${prefix}${id}`;
  const [outer, inner] = [`${device}o${id}`, `${device}i${id}`];
  const close = (): void => undo(['link', 'del', outer], ['netns', 'del', namespace]);
  const ends = ['mtu', String(mtu), 'type', 'veth', 'peer', 'name', inner, 'mtu', String(mtu)];
  try {
    removeAbandoned(prefix);
    ip('netns', 'add', namespace);
    ip('link', 'add', outer, ...ends, 'netns', namespace);
    ip('addr', 'add', `${here}/30`, 'dev', outer);
    ip('link', 'set', outer, 'up');
    ip('-n', namespace, 'addr', 'add', `${there}/30`, 'dev', inner);
    ip('-n', namespace, 'link', 'set', inner, 'up');
    ip('-n', namespace, 'link', 'set', 'lo', 'up');
  } catch (error) {
    close();
    throw error;
  }
  return { namespace, outer, inner, command: within(namespace), close };
}
