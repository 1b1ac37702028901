import { MAX_MESSAGE_BYTES, REQUEST_SECONDS } from '../protocol/frames.ts';
import type { Rate } from '../rooms/token-bucket.ts';

/** What a node's configuration says about signaling. Times are in seconds unless their name says otherwise. */
export interface SignalingLimits {
  /** Bytes of one frame. The HTTP server gives the same number to ws as `maxPayload` (close 1009 beyond it). */
  readonly maxMessageBytes: number;
  /** Requests (and pings) of one connection; beyond it `rate_limited`. */
  readonly messages: Rate;
  /** Messages refused in a row, without five quiet seconds between them, before the connection is closed. */
  readonly floodMessages: number;
  /** Requests of one connection that are being worked on or wait for their turn. */
  readonly requestsInFlight: number;
  /** The first request is due within this (`deadline`, 4408). */
  readonly firstMessageSeconds: number;
  /** A connection that asks but does not get in is closed after this (`deadline`, 4408). */
  readonly joinSeconds: number;
  /** The node answers each request within this, with `deadline` if need be. */
  readonly requestSeconds: number;
  /** Bytes that may wait to be sent on one connection; beyond it `slow_reader` (4440), which can be resumed. */
  readonly maxBufferedBytes: number;
  /** How long a session whose socket is lost is kept. */
  readonly resumeWindowSeconds: number;
  /** Notifications, and their characters, that are kept to be replayed; a resume that missed more starts afresh. */
  readonly replayNotifications: number;
  readonly replayCharacters: number;
  /** Whether a session ends when its join token has expired and was not refreshed. */
  readonly enforceExpiry: boolean;
  /** `tokenExpiring` is sent this long before the token's `exp`. */
  readonly expiryWarningSeconds: number;
  /** The session ends this long after `exp` (`token_expired`, 4401). */
  readonly expiryGraceSeconds: number;
  /** A closed connection that does not complete the closing handshake is cut after this. */
  readonly closeSeconds: number;
}

export const DEFAULT_SIGNALING_LIMITS: SignalingLimits = {
  maxMessageBytes: MAX_MESSAGE_BYTES,
  messages: { perSecond: 50, burst: 200 },
  floodMessages: 100,
  requestsInFlight: 32,
  firstMessageSeconds: 5,
  joinSeconds: 30,
  requestSeconds: REQUEST_SECONDS,
  maxBufferedBytes: 1024 * 1024,
  resumeWindowSeconds: 30,
  replayNotifications: 500,
  replayCharacters: 256 * 1024,
  enforceExpiry: true,
  expiryWarningSeconds: 60,
  expiryGraceSeconds: 30,
  closeSeconds: 2,
};
