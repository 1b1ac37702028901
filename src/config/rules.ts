import { isIP } from 'node:net';
import { CONSTITUTION_SIGNERS } from '../policy/bundle.ts';
import type { ConfigFault, ConfigPath } from './fault.ts';
import { checkRegistry } from './registry.ts';
import type { WrittenConfig } from './schema.ts';

/** What must hold between keys. Production admits nobody by an oversight: what decides must be written. */
export function checkRules(config: WrittenConfig, place: (path: ConfigPath) => string): ConfigFault[] {
  const faults: ConfigFault[] = [];
  const fault = (path: ConfigPath, message: string): void => {
    faults.push({ where: place(path), message: `${path.join('.')}: ${message}` });
  };
  const { http, media, tokens } = config;

  if (tokens.issuers.length === 0 && !tokens.development) {
    fault(['tokens', 'issuers'], 'nobody could join: list an issuer with the file of its public key');
  }
  const names = tokens.issuers.map(({ issuer }) => issuer);
  for (const [index, name] of names.entries()) {
    if (names.indexOf(name) !== index) fault(['tokens', 'issuers', index], `"${name}" is listed twice`);
  }
  if (tokens.development && !isLoopback(http.host)) {
    fault(
      ['tokens', 'development'],
      `development tokens are for this machine alone: set it to false, or http.host to localhost`,
    );
  }
  if (tokens.development && http.trustedProxies.length > 0) {
    fault(['tokens', 'development'], 'development tokens are for this machine alone: no http.trustedProxies');
  }
  if (http.proxyProtocol && http.trustedProxies.length === 0) {
    fault(['http', 'proxyProtocol'], 'needs http.trustedProxies: only those may say who a client is');
  }
  for (const [index, network] of http.trustedProxies.entries()) {
    if (/\/0+$/.test(network)) {
      fault(['http', 'trustedProxies', index], 'is everyone: any client could say where it is');
    }
  }
  if (!media.udp && !media.tcp) fault(['media', 'udp'], 'media needs udp or tcp');
  if (media.limits.initialOutgoingBitrate > media.limits.maxOutgoingBitrate) {
    fault(['media', 'limits', 'initialOutgoingBitrate'], 'must not be above maxOutgoingBitrate');
  }
  if (media.workers !== 'auto' && media.basePort > 0 && media.basePort + media.workers > 65_536) {
    fault(['media', 'basePort'], `${media.workers} workers from this port on go beyond port 65535`);
  }
  if (media.listen !== 'localhost') {
    for (const [index, { ip, announced }] of media.listen.entries()) {
      if ((ip === '0.0.0.0' || ip === '::') && announced === undefined) {
        fault(
          ['media', 'listen', index, 'ip'],
          'clients cannot send to it: give the "announced" address that they reach this machine by',
        );
      }
    }
  }
  checkIdentity(config, fault);
  checkRegistry(config.registry, fault);
  checkPipes(config, fault);
  checkPolicy(config, fault);
  if (config.mode === 'production') checkProduction(config, fault);
  return faults;
}

type Fault = (path: ConfigPath, message: string) => void;

function checkPipes({ cluster: { pipes }, media }: WrittenConfig, fault: Fault): void {
  if (pipes === null) return;
  const { ip, announced, portMin, portMax } = pipes;
  if ((ip === '0.0.0.0' || ip === '::') && announced === undefined) {
    fault(['cluster', 'pipes', 'ip'], 'other nodes cannot send to it: give the "announced" address');
  }
  if (announced !== undefined && isIP(announced) !== isIP(ip)) {
    fault(['cluster', 'pipes', 'announced'], 'must be of the same address family as ip');
  }
  if (portMin > portMax) fault(['cluster', 'pipes', 'portMin'], 'must not be above portMax');
  const { basePort, workers } = media;
  const last = basePort + (workers === 'auto' ? 1 : workers) - 1;
  if (basePort > 0 && basePort <= portMax && last >= portMin) {
    fault(['cluster', 'pipes', 'portMin'], 'the range takes ports that media.basePort gives to clients');
  }
}

/** A plain file, or bundles that trust roots can make good; never both. */
function checkPolicy({ node, policy }: WrittenConfig, fault: Fault): void {
  const { file, bundle, signers, stateDir } = policy;
  const takesBundles = bundle !== null || signers.length > 0;
  if (file !== null && takesBundles) {
    fault(['policy', 'file'], 'a file that nobody signed has no place beside bundles: keep one of them');
    return;
  }
  if (file !== null) return;
  if (!takesBundles) {
    fault(['policy'], 'name a file, or a bundle and its signers');
    return;
  }
  const over = (part: 'constitution' | 'document') => signers.filter((s) => s.over.includes(part)).length;
  if (over('constitution') < CONSTITUTION_SIGNERS || over('document') < 1) {
    const message = `no bundle could be good: list ${CONSTITUTION_SIGNERS} signers over the constitution, one over the document`;
    fault(['policy', 'signers'], message);
  }
  for (const part of ['name', 'key'] as const) {
    const values = signers.map((signer) => signer[part]);
    for (const [index, value] of values.entries()) {
      if (values.indexOf(value) !== index)
        fault(['policy', 'signers', index, part], `"${value}" is listed twice`);
    }
  }
  if (stateDir === null) {
    fault(
      ['policy', 'stateDir'],
      'a node that takes bundles keeps the highest version that ran: give it a directory',
    );
  }
  if (node.cloud === null) {
    fault(['node', 'cloud'], 'a node that takes bundles knows its cloud: a bundle of another is refused');
  }
}

/** What makes a node one of its cloud's. */
function checkIdentity({ cluster, registry, mode }: WrittenConfig, fault: Fault): void {
  const { certificate, key, link } = cluster;
  if (certificate !== null && mode === 'production' && link.announced === null) {
    if (link.port === 0)
      fault(['cluster', 'link', 'port'], 'other nodes need a fixed port, which firewalls know');
    if (isLoopback(link.host) || link.host === '0.0.0.0' || link.host === '::') {
      fault(
        ['cluster', 'link', 'host'],
        'other nodes cannot dial it: give an address of this machine, or "announced"',
      );
    }
  }
  if (registry.kind === 'redis' && certificate === null && key === null) {
    fault(
      ['cluster', 'certificate'],
      'whoever shares a registry proves who it is: make a certificate with `watershed node enrol`',
    );
  }
  if ((certificate === null) !== (key === null)) {
    fault(
      ['cluster', key === null ? 'key' : 'certificate'],
      'certificate and key go together: name both, as `watershed node enrol` made them',
    );
  }
}

function checkProduction(config: WrittenConfig, fault: Fault): void {
  const { http, signaling, media, tokens, geo, policy, cluster, directory } = config;
  const why = 'mode: production';
  if (policy.file !== null) {
    fault(['policy', 'file'], `${why} needs a signed policy: give policy.bundle and policy.signers`);
  }
  if (cluster.certificate !== null && directory.keyFile === null) {
    const message = `${why} needs the key by which all nodes of the cloud sign lists: give its file`;
    fault(['directory', 'keyFile'], message);
  }
  if (tokens.development) fault(['tokens', 'development'], `must be false (${why}): list tokens.issuers`);
  if (geo.database === null) {
    fault(['geo', 'database'], `${why} needs an IP-to-country database (.mmdb): give its path`);
  }
  if (geo.loopback) fault(['geo', 'loopback'], `must be false (${why}): no client has a loopback address`);
  if (http.publicUrl === null) {
    fault(['http', 'publicUrl'], `${why} needs the URL by which clients reach this node: wss://HOST`);
  } else if (!http.publicUrl.startsWith('wss:')) {
    fault(['http', 'publicUrl'], `${why} needs wss: (browsers give no camera to a page without TLS)`);
  }
  if (media.listen === 'localhost') {
    fault(['media', 'listen'], `${why} needs the addresses that media is received on: [{ ip, announced? }]`);
  }
  if (media.basePort === 0) {
    fault(['media', 'basePort'], `${why} needs a fixed port, which firewalls can be opened for`);
  }
  for (const [index, origin] of signaling.origins.entries()) {
    if (origin.startsWith('http:')) {
      fault(['signaling', 'origins', index], `${why} needs https: origins`);
    }
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
