import { compactVerify, createLocalJWKSet, decodeJwt, type JSONWebKeySet } from 'jose';
import { z } from 'zod';
import {
  DIRECTORY_JWS_TYPE,
  type DirectoryEntry,
  type DirectoryKeys,
  type DirectoryList,
  directoryAnswerSchema,
  directoryKeysSchema,
  directoryListSchema,
} from '../protocol/directory.ts';
import { refusalSchema } from '../protocol/events.ts';
import { DIRECTORY_PATH, KEYS_PATH } from '../protocol/frames.ts';
import { TOKEN_ALGORITHM } from '../protocol/token.ts';
import { DirectoryMemory } from './directory-memory.ts';
import type { ClientEnvironment } from './environment.ts';
import { ClientError, clientError } from './problem.ts';
import { backOff, delay } from './timers.ts';

export interface DirectoryOptions {
  readonly environment: Pick<ClientEnvironment, 'fetch'>;
  /** Where to ask, in this order: `https://host` or `wss://host` (`http:` and `ws:` on loopback). */
  readonly frontDoors: readonly string[];
  /** The cloud's directory keys, where the application knows them; else they are fetched from a front door. */
  readonly keys?: DirectoryKeys['keys'];
  /** Milliseconds one front door has to answer. Default 4000. */
  readonly timeout?: number;
  /** Allows `http:` and `ws:` beyond loopback (a closed test network). Default false. */
  readonly allowPlaintext?: boolean;
  /** Shared by directories that come one after another; one's own by default. */
  readonly memory?: DirectoryMemory | undefined;
}

/** How often it is asked again when it has been asked too often from this address. */
const BUSY_RETRIES = 3;
/** First pause before it, in ms; the next ones are longer. */
const BUSY_PAUSE = 1400;

/** What the client reads of its own token: for which cloud and room a list must be, and whom it is about. */
const ownClaimsSchema = z.object({
  cloud: z.string(),
  room: z.string(),
  exp: z.number().optional(),
  region: z.unknown().optional(),
  regions: z.unknown().optional(),
  except: z.unknown().optional(),
});
export type OwnClaims = z.infer<typeof ownClaimsSchema>;

/** Reads the token that the application got from its issuer; the node verifies it. Throws `token_unreadable`. */
export function ownClaims(token: string): OwnClaims {
  try {
    return ownClaimsSchema.parse(decodeJwt(token));
  } catch (error) {
    throw new ClientError(clientError('token_unreadable').problem, { cause: error });
  }
}

/**
 * Asks the front doors for the datacenters of a session, or where none answers the nodes that the last list named,
 * and believes only what the cloud has signed. The keys come from the front doors that the application named, never
 * from a node that a list or a redirect named.
 */
export class Directory {
  readonly #options: DirectoryOptions;
  readonly #memory: DirectoryMemory;

  constructor(options: DirectoryOptions) {
    this.#options = options;
    this.#memory = options.memory ?? new DirectoryMemory();
  }

  /** A fresh, verified list. Throws a ClientError: a refusal of the directory, or why no list was had. */
  async list(token: string, signal?: AbortSignal): Promise<DirectoryList> {
    for (let n = 0; ; n += 1) {
      try {
        return await this.#askAll(token, signal);
      } catch (error) {
        // An office that comes all at once: its turn is a matter of seconds.
        const busy = error instanceof ClientError && error.problem.code === 'directory_rate_limited';
        if (!busy || n === BUSY_RETRIES) throw error;
        await delay(backOff(n, BUSY_PAUSE, BUSY_PAUSE * 4), signal);
      }
    }
  }

  /** Whether anyone speaks who may be asked, all of them at once: the network works, whatever became of one node. */
  async answers(token: string, signal: AbortSignal): Promise<boolean> {
    const asked = this.#doors(ownClaims(token)).map(async (door) => {
      const { body } = await this.#fetch(door, KEYS_PATH, undefined, signal);
      // Not the page of a network that wants to be paid first.
      directoryKeysSchema.parse(body);
    });
    return Promise.any(asked).then(
      () => true,
      () => false,
    );
  }

  async #askAll(token: string, signal?: AbortSignal): Promise<DirectoryList> {
    const claims = ownClaims(token);
    let last: ClientError = clientError('directory_unreachable', 'no front door is configured');
    for (const door of this.#doors(claims)) {
      if (signal?.aborted) throw clientError('closed');
      try {
        return await this.#ask(door, token, claims, signal);
      } catch (error) {
        if (!(error instanceof ClientError)) throw error;
        // A clear refusal is the policy's, and every other door would say the same.
        if (!error.problem.retry && error.problem.code !== 'directory_untrusted') throw error;
        last = error;
      }
    }
    throw last;
  }

  /** Front doors first: the application named them. */
  #doors(claims: OwnClaims): string[] {
    return [...this.#options.frontDoors, ...this.#memory.doorsFor(claims)];
  }

  /** The list of a signature, e.g. of a redirect. Throws `directory_untrusted` unless it is for this token. */
  async verify(signature: string, token: string): Promise<DirectoryList> {
    return this.#verify(signature, ownClaims(token));
  }

  async #ask(door: string, token: string, claims: OwnClaims, signal?: AbortSignal): Promise<DirectoryList> {
    const { status, body } = await this.#fetch(door, DIRECTORY_PATH, token, signal);
    if (status !== 200) throw refusalError(status, body);
    const answer = directoryAnswerSchema.safeParse(body);
    if (!answer.success) throw clientError('directory_untrusted', 'not a datacenter list');
    return this.#verify(answer.data.signature, claims);
  }

  async #verify(signature: string, claims: OwnClaims): Promise<DirectoryList> {
    const payload = await this.#verifiedPayload(signature);
    const parsed = directoryListSchema.safeParse(payload);
    if (!parsed.success) throw clientError('directory_untrusted', 'the payload is not a datacenter list');
    const list = parsed.data;
    if (list.cloud !== claims.cloud) throw clientError('directory_untrusted', 'it is for another cloud');
    if (list.room !== claims.room) throw clientError('directory_untrusted', 'it is for another room');
    if (list.expiresAt * 1000 <= Date.now()) throw clientError('directory_untrusted', 'it has expired');
    for (const entry of [...list.primaries, ...list.secondaries]) this.#checkUrls(entry);
    this.#memory.remember(claims, list);
    return list;
  }

  async #verifiedPayload(signature: string): Promise<unknown> {
    const known = this.#options.keys ?? this.#memory.keys;
    try {
      return await verifyJws(signature, known ?? (await this.#fetchKeys()));
    } catch (error) {
      if (error instanceof ClientError) throw error;
      // The cloud may have changed its keys since they were fetched.
      if (known === undefined || this.#options.keys !== undefined) throw untrusted(error);
    }
    const fresh = await this.#fetchKeys();
    return verifyJws(signature, fresh).catch((error: unknown) => {
      throw untrusted(error);
    });
  }

  async #fetchKeys(): Promise<DirectoryKeys['keys']> {
    for (const door of this.#options.frontDoors) {
      try {
        const { status, body } = await this.#fetch(door, KEYS_PATH);
        const parsed = directoryKeysSchema.safeParse(body);
        if (status !== 200 || !parsed.success) continue;
        this.#memory.keys = parsed.data.keys;
        return parsed.data.keys;
      } catch (error) {
        if (!(error instanceof ClientError)) throw error;
      }
    }
    throw clientError('directory_unreachable', 'no front door gave its keys');
  }

  /** POST with a token, GET without. */
  async #fetch(
    door: string,
    path: string,
    token?: string,
    signal?: AbortSignal,
  ): Promise<{ status: number; body: unknown }> {
    const limit = AbortSignal.timeout(this.#options.timeout ?? 4000);
    try {
      const response = await this.#options.environment.fetch(this.#httpUrl(door) + path, {
        method: token === undefined ? 'GET' : 'POST',
        headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
        credentials: 'omit',
        redirect: 'error',
        signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
      });
      const body: unknown = await response.json().catch(() => undefined);
      return { status: response.status, body };
    } catch (error) {
      if (error instanceof ClientError) throw error;
      throw new ClientError(clientError('directory_unreachable', door).problem, { cause: error });
    }
  }

  #httpUrl(door: string): string {
    const url = parseUrl(door);
    if (url === undefined) throw clientError('directory_unreachable', `${door} is not a URL`);
    const secure = url.protocol === 'wss:' || url.protocol === 'https:';
    if (!secure && !this.#mayBePlain(url)) {
      throw clientError('directory_unreachable', `${door} must be https: or wss:`);
    }
    return `${secure ? 'https' : 'http'}://${url.host}`;
  }

  #checkUrls({ datacenter, url, sibling = url }: DirectoryEntry): void {
    for (const parsed of [url, sibling].map(parseUrl)) {
      if (parsed?.protocol === 'wss:' || (parsed?.protocol === 'ws:' && this.#mayBePlain(parsed))) continue;
      throw clientError('directory_untrusted', `the URL of ${datacenter} must be wss:`);
    }
  }

  #mayBePlain(url: URL): boolean {
    return this.#options.allowPlaintext === true || isLoopback(url.hostname);
  }
}

async function verifyJws(signature: string, keys: DirectoryKeys['keys']): Promise<unknown> {
  const set: JSONWebKeySet = { keys };
  const { payload } = await compactVerify(signature, createLocalJWKSet(set), {
    algorithms: [TOKEN_ALGORITHM],
  }).then((verified) => {
    if (verified.protectedHeader.typ !== DIRECTORY_JWS_TYPE) throw new Error('another type of JWS');
    return verified;
  });
  return JSON.parse(new TextDecoder().decode(payload));
}

function untrusted(cause: unknown): ClientError {
  const detail = cause instanceof Error ? cause.message : 'the signature';
  return new ClientError(clientError('directory_untrusted', detail).problem, { cause });
}

/** An HTTP refusal as an error; a body that is not a refusal gives the status alone. */
export function refusalError(status: number, body: unknown): ClientError {
  const parsed = refusalSchema.safeParse(body);
  if (parsed.success) {
    const { code, message, retry, rule, policy } = parsed.data;
    return new ClientError({ code, message, retry, rule, policy });
  }
  if (status >= 500 || status === 429) return clientError('directory_unreachable', `HTTP ${status}`);
  return new ClientError({ code: `http_${status}`, message: `Refused with HTTP ${status}.`, retry: false });
}

function parseUrl(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}
