import { createHash, randomBytes } from 'node:crypto';
import { RESUME_PREFIX } from './types.ts';

/**
 * The resume tokens of this node: 256 random bits each, and kept only as hashes, so that neither a heap dump nor a
 * timing tells one. They mean nothing at any other node. When one is spent is its owner's to say.
 */
export class ResumeTokens<T> {
  readonly #owners = new Map<string, T>();

  get size(): number {
    return this.#owners.size;
  }

  /** Makes a token for this owner. */
  issue(owner: T): { token: string; hash: string } {
    const token = RESUME_PREFIX + randomBytes(32).toString('base64url');
    const hash = hashOf(token);
    this.#owners.set(hash, owner);
    return { token, hash };
  }

  /** Whose token it is; undefined for one that is unknown, used or revoked. */
  find(token: string): T | undefined {
    return this.#owners.get(hashOf(token));
  }

  /** Takes a token out by its hash; it is good for nothing after this. */
  revoke(hash: string): void {
    this.#owners.delete(hash);
  }
}

/** By what a token is kept and revoked. */
export function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}
