import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { processIsAlive } from '../../workers/lock.ts';

/** The network between the generator and the forwarders. */
export interface Place {
  readonly name: 'loopback' | 'veth';
  /** Where forwarders listen. */
  readonly forwarderIp: string;
  /** Where the generator's sockets are. */
  readonly generatorIp: string;
  /** The forwarder's network interface. */
  readonly interface: string;
  /** How the generator is run, so that its sockets are there. */
  readonly command: readonly string[];
  /**
   * Datagrams that the kernel has handed to the generator's sockets: counted by another than the generator. Null
   * where others' are among them.
   */
  datagramsReceived(pid: number): number | null;
  /** Removes what was made; idempotent. */
  close(): void;
}

/** Everything on 127.0.0.1. */
export const loopback: Place = {
  name: 'loopback',
  forwarderIp: '127.0.0.1',
  generatorIp: '127.0.0.1',
  interface: 'lo',
  command: [],
  datagramsReceived: () => null,
  close: () => {},
};

const PREFIX = 'watershed-bench-';

/** Those of processes that were killed before they could remove them; a namespace's end of the pair goes with it. */
function removeAbandoned(): void {
  for (const line of execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' }).split('\n')) {
    const name = line.split(' ')[0] ?? '';
    const pid = name.startsWith(PREFIX) ? Number(name.slice(PREFIX.length)) : 0;
    if (pid > 0 && !processIsAlive(pid)) execFileSync('ip', ['netns', 'del', name], { stdio: 'ignore' });
  }
}

/**
 * A network namespace for the generator, joined to this one by a veth pair: for Janus, which ignores loopback.
 * Everyone else is measured over it too, then. It takes root.
 */
export function openNamespace(): Place {
  const id = String(process.pid);
  const namespace = `${PREFIX}${id}`;
  const [outer, inner] = [`wsb${id}`, `wsi${id}`];
  const subnet = `10.233.${process.pid % 256}`;
  const [forwarderIp, generatorIp] = [`${subnet}.1`, `${subnet}.2`];
  const ip = (...args: string[]): void => {
    execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  };
  const inside = (...args: string[]): void => ip('-n', namespace, ...args);
  const close = (): void => {
    for (const args of [
      ['link', 'del', outer],
      ['netns', 'del', namespace],
    ]) {
      try {
        ip(...args);
      } catch {
        // Was not made, or is gone.
      }
    }
  };
  try {
    removeAbandoned();
    ip('netns', 'add', namespace);
    ip('link', 'add', outer, 'type', 'veth', 'peer', 'name', inner, 'netns', namespace);
    ip('addr', 'add', `${forwarderIp}/30`, 'dev', outer);
    ip('link', 'set', outer, 'up');
    inside('addr', 'add', `${generatorIp}/30`, 'dev', inner);
    inside('link', 'set', inner, 'up');
    inside('link', 'set', 'lo', 'up');
  } catch (cause) {
    close();
    throw new Error('the rows with Janus need root, iproute2 and a kernel with network namespaces and veth', {
      cause,
    });
  }
  return {
    name: 'veth',
    forwarderIp,
    generatorIp,
    interface: outer,
    command: ['ip', 'netns', 'exec', namespace],
    datagramsReceived: (pid) => udpInDatagrams(readFileSync(`/proc/${pid}/net/snmp`, 'utf8')),
    close,
  };
}

/** `Udp: InDatagrams` of a /proc/PID/net/snmp, which is of that process's network namespace. */
function udpInDatagrams(snmp: string): number {
  const [head = [], values = []] = snmp
    .split('\n')
    .filter((line) => line.startsWith('Udp: '))
    .map((line) => line.split(' '));
  return Number(values[head.indexOf('InDatagrams')]);
}
