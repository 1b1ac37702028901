import { pino } from 'pino';
import { parseNodeConfig, thisMachine } from '../../config/load.ts';
import { type NodeParts, runNode } from '../../main.ts';
import { freePort } from '../../testing/free-port.ts';
import { DEVELOPMENT_ISSUER } from '../../tokens/development.ts';
import { issueJoinToken, type JoinTokenClaims } from '../../tokens/issue.ts';
import { generateSigningKey, type SigningKey } from '../../tokens/keys.ts';

export interface TestNode {
  readonly url: string;
  readonly port: number;
  readonly datacenter: string;
  /** A join token that this node accepts. */
  token(claims: Partial<JoinTokenClaims> & { room: string }, ttlSeconds?: number): Promise<string>;
  /** Everything that the node logged, one JSON record a line. */
  log(): string;
  /** As the process tells its node of a rejection that nobody waits for. */
  defect(error: Error): void;
  /** As SIGTERM begins: resolves once everyone is handed over. */
  drain(): Promise<void>;
  close(): Promise<void>;
}

export interface TestNodeOptions extends NodeParts {
  readonly datacenter?: string;
  readonly port?: number;
  /** What the node tells others to connect to, where that is not itself. */
  readonly publicUrl?: string;
  /** YAML of further top-level sections. */
  readonly yaml?: string;
  readonly cloud?: string;
  readonly key?: SigningKey;
  /** The real page where a browser is to load it; none by default. */
  readonly withPage?: boolean;
}

/** A whole node in this process: real workers, real sockets, development mode, on loopback. */
export async function startNode(options: TestNodeOptions = {}): Promise<TestNode> {
  const { datacenter = 'local', yaml = '', withPage = false, key = generateSigningKey() } = options;
  const port = options.port ?? (await freePort());
  const lines: string[] = [];
  const logger = pino({ level: 'debug' }, { write: (line) => void lines.push(line) });
  const text = `
mode: development
node: { datacenter: ${datacenter} }
policy: { file: policy.yaml }
http: { host: 127.0.0.1, port: ${port}, publicUrl: ${options.publicUrl ?? 'null'} }
tokens: { development: true }
${/^media:/m.test(yaml) ? '' : "media: { workers: 1, basePort: 0, listen: [{ ip: '127.0.0.1' }] }"}
${yaml}`;
  const file = new URL('../../../config/e2e.yaml', import.meta.url).pathname;
  const config = parseNodeConfig(text, { file, env: {}, machine: thisMachine() });
  const node = await runNode(config, {
    ...options,
    logger: options.logger ?? logger,
    developmentKey: key,
    ...(withPage ? {} : { page: { handle: () => false } }),
  });
  const cloud = options.policy?.policy.cloud ?? 'development';
  return {
    url: node.url,
    port,
    datacenter,
    token: (claims, ttlSeconds = 600) =>
      issueJoinToken(
        { issuer: DEVELOPMENT_ISSUER, cloud, key },
        { role: 'participant', ...claims },
        { ttlSeconds },
      ),
    log: () => lines.join(''),
    defect: (error) => node.defect('rejection', error),
    drain: () => node.drain(0),
    close: node.close,
  };
}
