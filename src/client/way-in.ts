import type { DirectoryList } from '../protocol/directory.ts';
import type { ClientOptions, ConnectOptions } from './client-types.ts';
import { ATTEMPT_TIMEOUT, type Attempt, type ConnectorOptions, listOfOne, walk } from './connector.ts';
import { Directory } from './directory.ts';
import type { ClientEnvironment } from './environment.ts';
import { JoinToken } from './join-token.ts';
import { ClientError } from './problem.ts';

/** Milliseconds in which a front door shows that the network works. */
const FRONT_DOOR_MS = 1500;

export interface WayInDeps {
  readonly environment: ClientEnvironment;
  readonly options: ClientOptions;
  readonly connect: ConnectOptions;
  /** Aborted with the membership: whatever is under way ends. */
  readonly signal: AbortSignal;
  readonly onAttempt: (attempt: Attempt) => void;
}

/** Where a walk begins, and where it ends. */
export interface Walk {
  /** Signature of the list that a redirect brought, to be followed where the cloud made it. */
  readonly redirect?: string | undefined;
  /** URL of a node that is tried after all others. */
  readonly last?: string | undefined;
}

/** How a join token leads to a node: the directory's list for it, or the one node that was named, walked down. */
export class WayIn {
  readonly token: JoinToken;
  /** Milliseconds for one attempt. */
  readonly attemptTimeout: number;
  readonly #deps: WayInDeps;
  readonly #directory: Directory;

  constructor(deps: WayInDeps) {
    const { environment, options, connect } = deps;
    this.#deps = deps;
    this.attemptTimeout = options.attemptTimeout ?? ATTEMPT_TIMEOUT;
    this.token = new JoinToken(connect.token, options.refreshToken);
    this.#directory = new Directory({
      environment,
      frontDoors: connect.frontDoors,
      timeout: this.attemptTimeout,
      memory: options.memory,
      ...(connect.keys === undefined ? {} : { keys: connect.keys }),
      ...(options.allowPlaintext === undefined ? {} : { allowPlaintext: options.allowPlaintext }),
    });
  }

  /** Walks; once more with a fresh token where the old one has run out. Throws a ClientError. */
  async enter<T>(enter: ConnectorOptions<T>['enter'], from: Walk): Promise<T> {
    try {
      return await this.enterOnce(enter, from);
    } catch (error) {
      const expired = error instanceof ClientError && error.problem.code === 'token_expired';
      if (!expired || !(await this.token.renew())) throw error;
      return this.enterOnce(enter, { last: from.last });
    }
  }

  /** Walks with the token of now. Throws a ClientError. */
  async enterOnce<T>(enter: ConnectorOptions<T>['enter'], { redirect, last }: Walk): Promise<T> {
    const { environment, signal, onAttempt } = this.#deps;
    const token = await this.token.current();
    this.token.seen(token);
    return walk(await this.#list(token, redirect), token, {
      environment,
      attemptTimeout: this.attemptTimeout,
      signal,
      last,
      verify: (signature) => this.#directory.verify(signature, token),
      enter,
      onAttempt,
    });
  }

  /** The list, if the cloud has signed it for this token. Throws a ClientError otherwise. */
  async confirm(signature: string): Promise<DirectoryList> {
    return this.#directory.verify(signature, await this.token.current());
  }

  /** Whether a front door answers, soon. */
  networkWorks(): Promise<boolean> {
    const limit = AbortSignal.any([this.#deps.signal, AbortSignal.timeout(FRONT_DOOR_MS)]);
    return this.#directory.answers(this.token.latest, limit);
  }

  async #list(token: string, redirect?: string): Promise<Pick<DirectoryList, 'primaries' | 'secondaries'>> {
    if (redirect !== undefined) {
      const list = await this.#directory.verify(redirect, token).catch(() => undefined);
      if (list !== undefined) return list;
    }
    const { direct } = this.#deps.connect;
    return direct === undefined ? this.#directory.list(token, this.#deps.signal) : listOfOne(direct);
  }
}
