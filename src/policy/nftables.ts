import type { CompiledPolicy } from './compile.ts';

/** Ports of a datacenter's nodes, as their configuration has them: single ones, or `FIRST-LAST`. */
export interface NodePorts {
  /** `http.port`, or the proxy's before it. */
  readonly signaling: string;
  /** `media.basePort` and the following, one for each worker; UDP and TCP. */
  readonly media: string;
  /** `cluster.link.port`. */
  readonly link: string;
  /** `cluster.pipes.portMin` to `portMax`; UDP. */
  readonly pipes: string;
}

/**
 * An nftables ruleset for the nodes of a datacenter: clients reach signaling and media from everywhere, and only the
 * `media` prefixes of the policy's datacenters reach the ports that are for nodes. Everything else is left to the
 * host's own rules: an accept here overrides no drop there.
 */
export function nftablesOf(p: CompiledPolicy, datacenter: string, ports: NodePorts): string {
  const { cloud, version, datacenters } = p.policy;
  const sites = [...datacenters.values()];
  const prefixes = sites.flatMap(({ name, media }) => media.map((prefix) => ({ name, prefix })));
  const without = sites.filter(({ media }) => media.length === 0).map(({ name }) => name);
  return `#!/usr/sbin/nft -f
# Nodes of ${datacenter}, by the policy of ${cloud}, version ${version}
# (${p.digest}).
# Made by "watershed policy nftables": make it again with every version whose datacenters differ.
${without.length === 0 ? '' : `# Without media prefixes, so that their nodes do not reach these: ${without.join(', ')}\n`}
table inet watershed
delete table inet watershed

table inet watershed {
${set(
  'nodes4',
  'ipv4_addr',
  prefixes.filter(({ prefix }) => !prefix.includes(':')),
)}
${set(
  'nodes6',
  'ipv6_addr',
  prefixes.filter(({ prefix }) => prefix.includes(':')),
)}
  chain input {
    type filter hook input priority filter; policy accept;
    iif "lo" accept
    ct state established,related accept

    tcp dport ${ports.signaling} accept comment "signaling: clients"
    udp dport ${ports.media} accept comment "media: clients"
    tcp dport ${ports.media} accept comment "media over TCP: clients"

    ip saddr @nodes4 tcp dport ${ports.link} accept comment "links: nodes of the cloud alone"
    ip6 saddr @nodes6 tcp dport ${ports.link} accept
    ip saddr @nodes4 udp dport ${ports.pipes} accept comment "pipes: nodes of the cloud alone"
    ip6 saddr @nodes6 udp dport ${ports.pipes} accept
    tcp dport ${ports.link} drop
    udp dport ${ports.pipes} drop
  }
}
`;
}

function set(name: string, type: string, entries: readonly { name: string; prefix: string }[]): string {
  const elements = entries.map((entry) => `      ${entry.prefix}, # ${entry.name}\n`).join('');
  return `  set ${name} {
    type ${type}
    flags interval
    auto-merge
${elements === '' ? '' : `    elements = {\n${elements}    }\n`}  }
`;
}
