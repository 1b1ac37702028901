import { isIP } from 'node:net';
import { findWorker, type WorkerBinary } from '../../workers/ensure.ts';
import type { NodeConfig } from '../config/schema.ts';
import { DEVELOPMENT_ISSUER } from '../tokens/development.ts';
import { issueJoinToken, type TokenIssuer } from '../tokens/issue.ts';
import { generateSigningKey, loadSigningKey, loadVerificationKeys, type SigningKey } from '../tokens/keys.ts';
import type { TrustedIssuer } from '../tokens/verify.ts';
import { ensurePageBundle } from '../web/bundle.ts';
import { createPage, type Page } from '../web/page-handler.ts';
import type { NodePolicy } from './policy-port.ts';

/** Seconds for which a join token from the development page is good: a day's work. */
const DEVELOPMENT_TOKEN_SECONDS = 12 * 3600;

/** The media worker: the one that the configuration names, or that set-up built. Throws where there is none. */
export function workerFor({ media }: NodeConfig): WorkerBinary {
  const found = findWorker({ explicitBin: media.workerBin ?? undefined });
  if (found === undefined) throw new Error('there is no media worker yet: run `npm run setup`');
  return found;
}

export interface NodeKeys {
  /** Signs lists of datacenters. */
  readonly directory: SigningKey;
  /** Signs development tokens; null outside development. */
  readonly development: SigningKey | null;
  /** Whose join tokens are accepted. */
  readonly issuers: readonly TrustedIssuer[];
}

/** The keys that the configuration names, and those that a development node makes for itself. */
export async function nodeKeys(config: NodeConfig, given: SigningKey | undefined): Promise<NodeKeys> {
  const development = config.tokens.development ? (given ?? generateSigningKey()) : null;
  const configured = await Promise.all(
    config.tokens.issuers.map(async ({ issuer, keyFile }) => ({
      issuer,
      keys: await loadVerificationKeys(keyFile),
    })),
  );
  const { keyFile } = config.directory;
  return {
    directory: keyFile === null ? (given ?? generateSigningKey()) : await loadSigningKey(keyFile),
    development,
    issuers:
      development === null
        ? configured
        : [...configured, { issuer: DEVELOPMENT_ISSUER, keys: [development] }],
  };
}

/** Who issues development tokens; null where nobody does. */
export function developmentIssuer(cloud: string, key: SigningKey | null): TokenIssuer | null {
  return key !== null ? { issuer: DEVELOPMENT_ISSUER, cloud, key } : null;
}

/** The meeting page, bundled if its sources changed. */
export async function pageFor(parts: {
  config: NodeConfig;
  policy: NodePolicy;
  region: () => string;
  issuer: TokenIssuer | null;
}): Promise<Page> {
  const { policy, region, issuer } = parts;
  const development = issuer !== null;
  return createPage({
    bundle: await ensurePageBundle(),
    config: () => ({
      cloud: policy.cloud,
      development,
      frontDoors: [],
      regions: development ? [...(policy.running()?.regionNames ?? [])] : [],
      region: region(),
    }),
    connectSources: () =>
      [...(policy.running()?.policy.datacenters.values() ?? [])].flatMap(({ url }) => originsOf(url)),
    ...(issuer !== null && {
      issueDevToken: ({ room, name, role, region: home }) =>
        issueJoinToken(
          issuer,
          { room, role, ...(name !== undefined && { name }), ...(home !== undefined && { region: home }) },
          { ttlSeconds: DEVELOPMENT_TOKEN_SECONDS },
        ),
    }),
  });
}

/** A datacenter's host and the names under it, which its nodes have (an address has none), as WebSocket and as HTTP. */
function originsOf(url: string): string[] {
  const { protocol, host, hostname } = new URL(url);
  const secure = protocol === 'wss:' ? 's' : '';
  const hosts = isIP(hostname.replace(/^\[|\]$/g, '')) === 0 ? [`${hostname}:*`, `*.${hostname}:*`] : [host];
  return hosts.flatMap((one) => [`ws${secure}://${one}`, `http${secure}://${one}`]);
}
