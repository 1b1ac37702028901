import { Document } from 'yaml';
import type { TrustedSigner } from '../../policy/bundle.ts';

/** What all nodes of a local cluster have in common. */
export interface LocalCloud {
  readonly cloud: string;
  readonly bundle: string;
  readonly signers: readonly TrustedSigner[];
  readonly directoryKey: string;
  /** URL of its Redis. */
  readonly redis: string;
}

export interface LocalNodeOptions extends LocalCloud {
  readonly id: string;
  readonly datacenter: string;
  readonly port: number;
  /** A directory of this node's own. */
  readonly stateDir: string;
  /** Further settings by their path, over those that a local cluster has. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Files of its certificate and key. */
  readonly certificate: string;
  readonly key: string;
}

/** The configuration of one node of a local cluster, as its file has it. */
export function localNodeConfig(options: LocalNodeOptions): string {
  const {
    id,
    datacenter,
    cloud,
    port,
    bundle,
    signers,
    stateDir,
    directoryKey,
    certificate,
    key,
    redis,
    settings,
  } = options;
  const document = new Document({
    mode: 'development',
    node: { id, datacenter, cloud },
    policy: { bundle, signers, stateDir },
    http: { host: '127.0.0.1', port },
    // Here all clients have one address.
    signaling: { maxConnectionsPerAddress: 10_000 },
    media: { workers: 1, basePort: 0, listen: [{ ip: '127.0.0.1' }] },
    tokens: { development: true },
    directory: { keyFile: directoryKey, perAddress: { perSecond: 10_000, burst: 10_000 } },
    cluster: { certificate, key, pipes: { ip: '127.0.0.1' } },
    registry: { kind: 'redis', url: redis },
    log: { pretty: false },
  });
  for (const [path, value] of Object.entries(settings)) document.setIn(path.split('.'), value);
  return String(document);
}
