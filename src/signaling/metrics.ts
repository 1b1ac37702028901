import type { ErrorCode } from '../protocol/errors.ts';
import type { MethodName } from '../protocol/methods.ts';

/** Why a connection ended: by the client's close frame, by a lost socket, or by us with this reason. */
export type ConnectionEnd = 'client' | 'lost' | 'left' | 'redirect' | ErrorCode;

/** What sessions report to metrics. Every label is from a closed set. */
export interface SignalingMetrics {
  /** One request answered. `seconds` includes the wait for its turn. */
  request(method: MethodName | 'unknown', result: 'ok' | ErrorCode, seconds: number): void;
  /** One connection ended. */
  connectionEnded(end: ConnectionEnd): void;
  /** One session resumed, or could not be. */
  resumed(result: 'replayed' | 'fresh' | 'refused'): void;
}
