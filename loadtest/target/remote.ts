import type { Policy } from '../../src/policy/model.ts';
import { directoryAnswerSchema } from '../../src/protocol/directory.ts';
import { DIRECTORY_PATH } from '../../src/protocol/frames.ts';
import { findDevelopmentKeys } from '../../src/tokens/development.ts';
import { issueJoinToken, type TokenIssuer } from '../../src/tokens/issue.ts';
import { loadSigningKey } from '../../src/tokens/keys.ts';
import { httpOf, type Target, TargetError, type TargetNode } from './target.ts';

/** How long a node has to answer, in ms. */
const ANSWER = 4000;

export interface RemoteOptions {
  readonly url: string;
  /** Home regions of the scenario's participants: what their directory names is there to be used. */
  readonly regions: readonly string[];
  readonly key?: string;
  readonly issuer?: string;
  readonly cloud?: string;
  /** What may be, where the caller says so. */
  readonly policy: Policy | null;
  readonly signal: AbortSignal;
}

/** A cluster or node that runs already. Throws TargetError when it cannot be reached or gives no list. */
export async function openRemote(options: RemoteOptions): Promise<Target> {
  const { url, regions, policy, signal } = options;
  const base = baseOf(url);
  const local = findDevelopmentKeys();
  await requireReady(base, signal);
  const issuer = await issuerOf(options, base);
  const nodes = new Map<string, TargetNode>();
  const notes: string[] = [];
  for (const region of regions) {
    const token = await issueJoinToken(
      issuer,
      { room: 'loadtest-directory', role: 'participant', region },
      { ttlSeconds: 60 },
    );
    const { status, body } = await ask(base + DIRECTORY_PATH, signal, token);
    const answer = directoryAnswerSchema.safeParse(body);
    if (status !== 200 || !answer.success) {
      notes.push(
        `the directory of ${base} gives clients of ${region} nothing: HTTP ${status} ${codeOf(body)}`,
      );
      continue;
    }
    for (const entry of [...answer.data.primaries, ...answer.data.secondaries]) {
      const pid = local.find((key) => sameHost(key.url, entry.url))?.pid ?? null;
      // A node that listens on `localhost` has 127.0.0.1, and callers choose among loopback addresses of IPv4.
      const here = entry.url.replace(/^(wss?:\/\/)localhost(?=[:/]|$)/, '$1127.0.0.1');
      nodes.set(here, { id: entry.datacenter, ...entry, url: here, pid });
    }
  }
  if (nodes.size === 0)
    throw new TargetError(`${base} serves no participant of this scenario: ${notes.join('; ')}`);
  if (policy === null)
    notes.push('no --policy was given: what the fences forbid is not known, and was not attempted');
  return {
    kind: 'url',
    nodes: [...nodes.values()],
    redis: null,
    issuer,
    policy,
    judgesLoopback: false,
    notes,
    close: async () => undefined,
  };
}

function baseOf(url: string): string {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw new TargetError(`--target ${url}: not a URL; write http://HOST:PORT or https://HOST`);
  }
  if (!/^(https?|wss?):$/.test(parsed.protocol))
    throw new TargetError(`--target ${url}: write http://HOST:PORT or https://HOST`);
  return httpOf(`${parsed.protocol}//${parsed.host}`);
}

async function requireReady(base: string, signal: AbortSignal): Promise<void> {
  let answer: { status: number; body: unknown };
  try {
    answer = await ask(`${base}/readyz`, signal);
  } catch (error) {
    if (signal.aborted) throw error;
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const why = cause instanceof Error ? cause.message || cause.name : String(cause);
    throw new TargetError(`${base} cannot be reached (${why}): is a node running there?`, { cause: error });
  }
  if (answer.status !== 200)
    throw new TargetError(`${base} is not ready: HTTP ${answer.status} ${JSON.stringify(answer.body) ?? ''}`);
}

async function issuerOf({ key, issuer, cloud }: RemoteOptions, base: string): Promise<TokenIssuer> {
  const local = findDevelopmentKeys();
  const running =
    local.find(({ url }) => sameHost(url, base)) ?? local.find(({ url }) => samePort(url, base));
  if (key !== undefined) {
    return {
      key: await loadSigningKey(key),
      issuer: issuer ?? running?.issuer ?? 'watershed',
      cloud: cloud ?? running?.cloud ?? 'commercial',
    };
  }
  if (running === undefined)
    throw new TargetError(
      `${base} is no development node of this machine and user: name the private key that signs its join tokens with --key FILE (and --issuer, --cloud)`,
    );
  return running;
}

async function ask(
  url: string,
  signal: AbortSignal,
  token?: string,
): Promise<{ status: number; body: unknown }> {
  const response = await fetch(url, {
    method: token === undefined ? 'GET' : 'POST',
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER)]),
  });
  return { status: response.status, body: await response.json().catch(() => null) };
}

function codeOf(body: unknown): string {
  return typeof body === 'object' && body !== null && 'code' in body ? String(body.code) : '';
}

function sameHost(a: string, b: string): boolean {
  return new URL(a).host === new URL(b).host;
}

/** `localhost` and `127.0.0.1` are one machine. */
function samePort(a: string, b: string): boolean {
  const [one, other] = [new URL(a), new URL(b)];
  return (
    one.port === other.port &&
    [one, other].every(({ hostname }) => /^(localhost|127\.|\[::1\])/.test(hostname))
  );
}
