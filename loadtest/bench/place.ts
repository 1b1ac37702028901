import { readFileSync } from 'node:fs';
import { openVeth } from '../../src/testing/namespaces.ts';

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

/**
 * A network namespace for the generator, joined to this one by a veth pair: for Janus, which ignores loopback.
 * Everyone else is measured over it too, then. It takes root.
 */
export function openNamespace(): Place {
  const subnet = `10.233.${process.pid % 256}`;
  const [forwarderIp, generatorIp] = [`${subnet}.1`, `${subnet}.2`];
  let veth: ReturnType<typeof openVeth>;
  try {
    veth = openVeth({ prefix: PREFIX, device: 'wsb', here: forwarderIp, there: generatorIp });
  } catch (cause) {
    throw new Error('the rows with Janus need root, iproute2 and a kernel with network namespaces and veth', {
      cause,
    });
  }
  return {
    name: 'veth',
    forwarderIp,
    generatorIp,
    interface: veth.outer,
    command: veth.command,
    datagramsReceived: (pid) => udpInDatagrams(readFileSync(`/proc/${pid}/net/snmp`, 'utf8')),
    close: veth.close,
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
