/**
 * The one catalogue of errors that a participant, a client or an operator's script can see on the wire.
 *
 * Each entry: the HTTP status of a refusal before 101 (and the status quoted in `refused`), whether the same
 * request may succeed later without anybody changing anything (`retry`), and a message that says what to do.
 * PROTOCOL.md lists the same codes; a test compares the two.
 */
interface CatalogueEntry {
  readonly status: number;
  readonly retry: boolean;
  readonly message: string;
}

export const ERRORS = {
  // Authentication: who is asking.
  token_missing: {
    status: 401,
    retry: false,
    message:
      'No join token. Send it as "Authorization: Bearer <token>", or offer subprotocol "bearer.<token>".',
  },
  token_invalid: {
    status: 401,
    retry: false,
    message: 'The join token is not valid here. Ask its issuer for a new one.',
  },
  token_expired: {
    status: 401,
    retry: false,
    message: 'The join token has expired. Ask its issuer for a new one.',
  },
  token_mismatch: {
    status: 401,
    retry: false,
    message:
      'The fresh token does not continue this session: its issuer, room and participant must be those of the first.',
  },
  resume_invalid: {
    status: 401,
    retry: false,
    message: 'The resume token is unknown here, used, or too old. Join again with a join token.',
  },
  // Isolation: where this session may be served.
  region_unknown: {
    status: 403,
    retry: false,
    message:
      'The session has no verified region, or one the policy does not define. Ask the issuer for a token with a region claim.',
  },
  region_conflict: {
    status: 403,
    retry: false,
    message:
      'The claimed region and the network address disagree, and the policy refuses that. Join from the claimed region.',
  },
  region_refused: {
    status: 403,
    retry: false,
    message: 'No datacenter of the policy may serve this region. Ask the operator.',
  },
  region_not_admitted: {
    status: 403,
    retry: false,
    message: 'This datacenter may not serve this region. Use a datacenter of the attached list.',
  },
  narrowing_empty: {
    status: 403,
    retry: false,
    message:
      "The account's choice of regions leaves no datacenter that may serve this region. Ask the account's owner.",
  },
  address_unknown: {
    status: 403,
    retry: false,
    message: 'The network address gives no region, and the policy requires one. Join from another network.',
  },
  address_refused: {
    status: 451,
    retry: false,
    message:
      'Media from this network address may not be processed here. Join again from this network to be placed where it may be, if anywhere.',
  },
  origin_refused: {
    status: 403,
    retry: false,
    message: "The page's origin is not listed in this node's configuration (signaling.origins).",
  },
  room_apart: {
    status: 403,
    retry: false,
    message: 'No datacenter may serve everyone in this room together with this session.',
  },
  room_moved: {
    status: 403,
    retry: false,
    message:
      'Somebody came to the room who may only meet elsewhere. Take a seat at a datacenter of the attached list.',
  },
  policy_missing: {
    status: 503,
    retry: true,
    message: 'The node has no valid policy and admits nobody. Tell the operator.',
  },
  policy_expired: {
    status: 503,
    retry: true,
    message: 'The policy has expired and nobody new is admitted. Tell the operator.',
  },
  no_datacenter_up: {
    status: 503,
    retry: true,
    message: 'Every datacenter that may serve this session is down or full. Try again shortly.',
  },
  not_ready: {
    status: 503,
    retry: true,
    message: 'The node is not ready. Try another of the list, or again shortly.',
  },
  draining: { status: 503, retry: true, message: 'The node is being shut down. Try another of the list.' },
  registry_unavailable: {
    status: 503,
    retry: true,
    message: 'The registry cannot be reached, and this request needs it. Try again shortly.',
  },
  worker_unavailable: {
    status: 503,
    retry: true,
    message: 'No media worker is running at the moment. Try again shortly.',
  },
  // Limits.
  room_full: { status: 403, retry: true, message: 'The room is full.' },
  too_many_sessions: {
    status: 403,
    retry: true,
    message:
      'This participant is in the room by as many sessions as may be. Leave with one of them, or try again shortly.',
  },
  node_full: {
    status: 503,
    retry: true,
    message: 'The node holds as many rooms as it may. Try another of the list.',
  },
  too_many_producers: {
    status: 403,
    retry: false,
    message: 'This peer already has as many producers as it may.',
  },
  bitrate_exceeded: {
    status: 403,
    retry: false,
    message:
      'This peer sends more than it may, so what it sent most of was closed. Send less, and publish again.',
  },
  too_many_consumers: {
    status: 403,
    retry: false,
    message: 'This peer already has as many consumers as it may.',
  },
  too_many_transports: {
    status: 403,
    retry: false,
    message: 'This peer already has the transports it may have.',
  },
  too_many_connections: {
    status: 429,
    retry: true,
    message: 'Too many connections from this address. Close some, or try again later.',
  },
  directory_rate_limited: {
    status: 429,
    retry: true,
    message: 'Too many questions to the directory from this address. Ask again after "Retry-After" seconds.',
  },
  rate_limited: { status: 429, retry: true, message: 'Too many messages. Slow down.' },
  message_too_large: {
    status: 413,
    retry: false,
    message: 'The message is larger than the limit in "welcome".',
  },
  // Room life.
  room_locked: { status: 403, retry: true, message: 'The host has locked the room.' },
  room_ended: { status: 410, retry: false, message: 'The meeting has ended.' },
  room_expired: { status: 410, retry: false, message: 'The meeting has reached its maximum duration.' },
  waiting_denied: { status: 403, retry: false, message: 'The host did not admit you.' },
  waiting_timeout: { status: 403, retry: true, message: 'No host opened the room in time. Try again later.' },
  removed: { status: 403, retry: false, message: 'The host removed you from the meeting.' },
  replaced: { status: 409, retry: false, message: 'The session was resumed on another connection.' },
  host_only: { status: 403, retry: false, message: 'Only a host may do this.' },
  // Requests.
  bad_message: { status: 400, retry: false, message: 'The message is not a watershed.v1 frame.' },
  bad_request: { status: 400, retry: false, message: 'The request does not fit its schema.' },
  unknown_method: { status: 404, retry: false, message: 'watershed.v1 has no such method.' },
  not_joined: { status: 409, retry: false, message: 'Join first.' },
  already_joined: { status: 409, retry: false, message: 'This connection has joined already.' },
  not_found: { status: 404, retry: false, message: 'No such transport, producer, consumer or peer.' },
  unsupported_media: {
    status: 415,
    retry: false,
    message: 'The RTP or DTLS parameters do not fit what the room supports.',
  },
  deadline: { status: 408, retry: true, message: 'The deadline passed.' },
  slow_reader: {
    status: 408,
    retry: true,
    message: 'The connection reads too slowly. Join again on a better network.',
  },
  unsupported_protocol: {
    status: 400,
    retry: false,
    message: 'Offer the WebSocket subprotocol "watershed.v1".',
  },
  method_not_allowed: { status: 405, retry: false, message: 'This path does not take this HTTP method.' },
  path_unknown: { status: 404, retry: false, message: 'There is nothing at this path.' },
  internal: { status: 500, retry: true, message: 'The node failed to do this; it has been logged.' },
} as const satisfies Record<string, CatalogueEntry>;

/** A stable error identifier. Codes are added, never renamed or reused. */
export type ErrorCode = keyof typeof ERRORS;

/** Narrows an unknown string to a code of the catalogue. */
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}

/** A refusal's words, where nothing was thrown: an Error costs its stack, and whoever asks in vain asks often. */
export function toldAs(
  code: ErrorCode,
  detail?: string,
): { code: ErrorCode; message: string; retry: boolean; status: number } {
  const { status, retry } = ERRORS[code];
  return { code, message: messageOf(code, detail), retry, status };
}

function messageOf(code: ErrorCode, detail: string | undefined): string {
  return detail === undefined ? ERRORS[code].message : `${ERRORS[code].message} (${detail})`;
}

/**
 * An error with a stable code. `detail` is added to the catalogue's message; it never holds tokens, key
 * material or addresses.
 */
export class WatershedError extends Error {
  readonly code: ErrorCode;
  readonly detail: string | undefined;

  constructor(code: ErrorCode, detail?: string, options?: ErrorOptions) {
    super(messageOf(code, detail), options);
    this.name = 'WatershedError';
    this.code = code;
    this.detail = detail;
  }

  /** HTTP status of a refusal with this code. */
  get status(): number {
    return ERRORS[this.code].status;
  }

  /** Whether the same request may succeed later, with nobody changing anything. */
  get retry(): boolean {
    return ERRORS[this.code].retry;
  }

  /** The form errors have on the wire. */
  toWire(): { code: ErrorCode; message: string; retry: boolean } {
    return { code: this.code, message: this.message, retry: this.retry };
  }
}

/** WebSocket close codes of watershed.v1 (application range 4000 to 4999, RFC 6455 section 7.4.2). */
export const CLOSE = {
  /** The peer left, or the room's last word was said; nothing to retry. */
  left: 4000,
  badMessage: 4400,
  unauthenticated: 4401,
  /** Refused or redirected; the one message before it says why. */
  refused: 4403,
  deadline: 4408,
  replaced: 4409,
  /** The room ended, or a host removed the peer. */
  ended: 4410,
  rateLimited: 4429,
  slowReader: 4440,
  internal: 4500,
  /** The node is going away: join again through the directory. */
  goingAway: 4503,
} as const;

export type CloseCode = (typeof CLOSE)[keyof typeof CLOSE];
