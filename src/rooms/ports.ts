import type { Federation } from '../cluster/federation/types.ts';
import type { Admission } from '../cluster/types.ts';
import type { MediaEngine } from '../media/types.ts';
import { shortId as beginningOf } from '../protocol/short-id.ts';
import type { Clock } from './clock.ts';
import type { RoomLimits } from './limits.ts';

/** The part of a pino logger that rooms and signaling use: data in fields, a constant message. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Where this node stands; peers are told where they are seated. */
export interface NodeIdentity {
  readonly id: string;
  readonly datacenter: string;
  readonly region: string;
}

/** What every room of the node shares. */
export interface RoomDeps {
  readonly engine: Pick<MediaEngine, 'openRoom'>;
  readonly admission: Pick<Admission, 'decideAgain' | 'gate' | 'serves'>;
  readonly node: NodeIdentity;
  /** The way to the rooms' other nodes. */
  readonly federation: Pick<Federation, 'open'>;
  /** Digest of the policy that the node runs now; empty where it has none. */
  readonly policyDigest: () => string;
  readonly limits: RoomLimits;
  readonly clock: Clock;
  readonly log: Log;
}

/** Ids as logs of rooms have them. */
export function shortId(id: string): string {
  return beginningOf(id, 6);
}
