import { compilePolicy } from '../policy/compile.ts';
import { type NodePorts, nftablesOf } from '../policy/nftables.ts';
import { unknownNames } from './policy-explain.ts';
import { EXIT, faultLine, faultOf, type Io, loadOrReport, printJson, printWarnings } from './policy-io.ts';

export interface NftablesOptions {
  readonly datacenter: string;
  /** The port of the datacenter's URL where none is given. */
  readonly signalingPort?: string;
  readonly mediaPorts: string;
  readonly linkPort: string;
  readonly pipePorts: string;
  readonly json: boolean;
}

/** `policy nftables FILE --datacenter DC`: a firewall for the nodes of a datacenter (exit 0, or 2). */
export function runNftables(io: Io, file: string, options: NftablesOptions): void {
  const { datacenter, json } = options;
  const loaded = loadOrReport(io, file, json);
  if (loaded === null) return;
  const site = loaded.policy.datacenters.get(datacenter);
  const faults = unknownNames(loaded, [], [datacenter]);
  const ports: NodePorts = {
    signaling: options.signalingPort ?? portOf(site?.url),
    media: options.mediaPorts,
    link: options.linkPort,
    pipes: options.pipePorts,
  };
  for (const [name, range] of Object.entries(ports)) {
    if (!isRange(range)) faults.push(`${name}: "${range}" is no port and no range FIRST-LAST of ports`);
  }
  if (faults.length > 0) {
    if (json) printJson(io, { exit: EXIT.notPolicy, status: 'unusable', file, faults });
    else for (const message of faults) io.out(faultLine(faultOf(file, 'unusable', message)));
    io.exit(EXIT.notPolicy);
    return;
  }
  const ruleset = nftablesOf(compilePolicy(loaded.policy), datacenter, ports);
  const without = [...loaded.policy.datacenters.values()].filter((d) => d.media.length === 0);
  for (const { name } of without) {
    const message = `${name} has no media prefixes: its nodes are shut out`;
    printWarnings(io, [{ file, ...loaded.positions.key(['datacenters', name]), code: 'no-media', message }]);
  }
  if (json) printJson(io, { exit: EXIT.ok, datacenter, ports, without: without.map((d) => d.name), ruleset });
  else io.out(ruleset);
  io.exit(EXIT.ok);
}

function portOf(url: string | undefined): string {
  if (url === undefined) return '443';
  const { port, protocol } = new URL(url);
  return port !== '' ? port : protocol === 'wss:' ? '443' : '80';
}

function isRange(text: string): boolean {
  const ports = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (ports === null) return false;
  const [first, last] = [Number(ports[1]), Number(ports[2] ?? ports[1])];
  return first >= 1 && first <= last && last <= 65_535;
}
