import type { WebSocket } from 'ws';
import type { AdmittedSession } from '../cluster/types.ts';
import type { Redirect, Refusal } from '../protocol/events.ts';

/**
 * Where the HTTP server hands sockets over. The server has done what comes before 101 (origin, caps, address,
 * token, decision); everything that is said on an admitted socket is the session host's.
 *
 * Division of labour on an admitted socket:
 * - the HTTP server pings it every 10 s and terminates it when nothing came back for 30 s (the host sees an
 *   ordinary `close`), counts it against the address's cap, and terminates what is left when it closes itself;
 * - the session host attaches its listeners synchronously inside `accept` / `acceptResumed` (frames may follow
 *   the upgrade in the same packet), sends `welcome`, and owns the first-message deadline, rate limits,
 *   `bufferedAmount` cut-off and every close with a code.
 */
export interface SessionHost {
  /** A new session, admitted at the upgrade. It is judged once more (`Admission.decideAgain`) at `join`. */
  accept(socket: WebSocket, session: AdmittedSession): void;
  /**
   * The session behind a resume token (`r1.…`): of a socket lost within the window, or of one still open (which
   * the resumed connection replaces). Undefined for what is unknown, used or too old. Consumes nothing.
   */
  findResumable(resumeToken: string): AdmittedSession | undefined;
  /**
   * The session found, judged again from the new address: `session` carries the label as widened by it and
   * is merged into the stored one at once. The token is spent by the `resume` request that follows, so that
   * a socket which dies before it costs nothing; when it was used in between, the host says `refused`
   * (`resume_invalid`) and closes with 4401.
   */
  acceptResumed(socket: WebSocket, resumeToken: string, session: AdmittedSession): void;
  /**
   * The address that tried to resume added evidence which forbids this datacenter (or the policy does by now):
   * the label has changed, so the session's legs here end at once and the peer leaves the room (`policy`).
   * The client itself is told by the HTTP server.
   */
  forbidResumed(resumeToken: string, verdict: Refusal | Redirect): void;
}

/** Every resume token starts with it, so that a bearer is told from a join token before it is parsed. */
export const RESUME_PREFIX = 'r1.';
