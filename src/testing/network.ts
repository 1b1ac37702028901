import { execFileSync } from 'node:child_process';
import { ip, removeAbandoned, undo, within } from './namespaces.ts';

const PREFIX = 'watershed-net-';

/** A machine of a network that is made for a test: a network namespace with addresses of its own. */
export interface Host {
  readonly name: string;
  readonly addresses: readonly string[];
  /** Put before a command to run it there. */
  readonly command: readonly string[];
}

/**
 * Hosts that reach each other as over the Internet, and nothing else: not this machine, and not the Internet, so
 * that their addresses may be anybody's. What is cut or lost is dropped without a word, as by a network.
 */
export interface Network {
  /** Throws for a name that was not given. */
  host(name: string): Host;
  /** Nothing passes between two hosts any more, in either direction. */
  cut(a: string, b: string): void;
  mend(a: string, b: string): void;
  /** A host's cable is pulled, or put back. */
  unplug(name: string): void;
  plug(name: string): void;
  /** A host loses this share of the packets that come to it, in steps of 1/1000. */
  lose(name: string, share: number): void;
  /** Removes everything; idempotent. Whatever runs there must have ended. */
  close(): void;
}

/**
 * Makes a namespace for each host, and a switch between them. Throws where that may not be done: it takes root,
 * iproute2, nftables, and a kernel with namespaces, veth and bridges.
 */
export function openNetwork(hosts: Readonly<Record<string, readonly string[]>>): Network {
  const hub = `${PREFIX}${process.pid}`;
  const namespaceOf = (name: string): string => `${hub}-${name}`;
  /** The switch's end of a host's cable. */
  const portOf = (name: string): string => `port-${name}`;
  const known = new Map<string, Host>();
  const lines = new Map<string, { gone: Set<string>; loss: number }>();

  const close = (): void =>
    undo(['netns', 'del', hub], ...Object.keys(hosts).map((name) => ['netns', 'del', namespaceOf(name)]));

  const line = (name: string) => {
    const before = lines.get(name) ?? { gone: new Set<string>(), loss: 0 };
    lines.set(name, before);
    return before;
  };
  const filter = (name: string): void => {
    const { gone, loss } = line(name);
    const rules = [
      ...[...gone].map((address) => `ip saddr ${address} drop`),
      ...(loss > 0 ? [`iifname "up0" numgen random mod 1000 < ${Math.round(loss * 1000)} drop`] : []),
    ];
    const chain = ['chain arriving {', 'type filter hook input priority 0;', ...rules, '}'].join('\n');
    const text = `table inet line\ndelete table inet line\ntable inet line {\n${chain}\n}\n`;
    const [command = '', ...args] = [...within(namespaceOf(name)), 'nft', '-f', '-'];
    execFileSync(command, args, { input: text, stdio: ['pipe', 'ignore', 'pipe'] });
  };

  const host = (name: string): Host => {
    const found = known.get(name);
    if (found === undefined) throw new Error(`no host ${name}`);
    return found;
  };
  const pair = (a: string, b: string, change: (gone: Set<string>, address: string) => unknown): void => {
    for (const [here, there] of [
      [a, b],
      [b, a],
    ] as const) {
      for (const address of host(there).addresses) change(line(here).gone, address);
      filter(here);
    }
  };

  const open = (name: string, addresses: readonly string[]): void => {
    const namespace = namespaceOf(name);
    ip('netns', 'add', namespace);
    ip('-n', hub, 'link', 'add', portOf(name), 'type', 'veth', 'peer', 'name', 'up0', 'netns', namespace);
    ip('-n', hub, 'link', 'set', portOf(name), 'master', 'switch', 'up');
    ip('-n', namespace, 'link', 'set', 'lo', 'up');
    ip('-n', namespace, 'link', 'set', 'up0', 'up');
    for (const address of addresses) ip('-n', namespace, 'addr', 'add', `${address}/32`, 'dev', 'up0');
    ip('-n', namespace, 'route', 'add', 'default', 'dev', 'up0');
    known.set(name, { name, addresses, command: within(namespace) });
    filter(name);
  };

  try {
    removeAbandoned(PREFIX);
    ip('netns', 'add', hub);
    ip('-n', hub, 'link', 'add', 'switch', 'type', 'bridge');
    ip('-n', hub, 'link', 'set', 'switch', 'up');
    for (const [name, addresses] of Object.entries(hosts)) open(name, addresses);
  } catch (error) {
    close();
    throw error;
  }
  return {
    host,
    cut: (a, b) => pair(a, b, (gone, address) => gone.add(address)),
    mend: (a, b) => pair(a, b, (gone, address) => gone.delete(address)),
    unplug: (name) => ip('-n', hub, 'link', 'set', portOf(name), 'down'),
    plug: (name) => ip('-n', hub, 'link', 'set', portOf(name), 'up'),
    lose(name, share) {
      line(name).loss = share;
      filter(name);
    },
    close,
  };
}

/** Why no such network can be made here; null where it can. */
export function whyNoNetwork(): string | null {
  try {
    openNetwork({ probe: ['192.0.2.1'] }).close();
    return null;
  } catch (error) {
    return `hosts as network namespaces need root, nftables and a kernel with them: ${
      error instanceof Error ? error.message.trim().split('\n').at(-1) : error
    }`;
  }
}
