import { stringify } from 'yaml';

export interface LocalNodeOptions {
  readonly id: string;
  readonly datacenter: string;
  readonly port: number;
  readonly policyFile: string;
  readonly directoryKeyFile: string;
}

/** The configuration of one node of a local cluster, as its file has it. */
export function localNodeConfig(options: LocalNodeOptions): string {
  const { id, datacenter, port, policyFile, directoryKeyFile } = options;
  return stringify({
    mode: 'development',
    node: { id, datacenter },
    policy: { file: policyFile },
    http: { host: '127.0.0.1', port },
    media: { workers: 1, basePort: 0, listen: [{ ip: '127.0.0.1' }] },
    tokens: { development: true },
    directory: { keyFile: directoryKeyFile },
    log: { pretty: false },
  });
}
