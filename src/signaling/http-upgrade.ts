import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Admission, AdmittedSession, Verdict } from '../cluster/types.ts';
import { CLOSE, type ErrorCode } from '../protocol/errors.ts';
import type { Redirect, Refusal } from '../protocol/events.ts';
import { SIGNAL_PATH, SUBPROTOCOL } from '../protocol/frames.ts';
import { offerOf } from './http-bearer.ts';
import type { AddressCaps } from './http-caps.ts';
import type { KeepAlive } from './http-keepalive.ts';
import { originAllowed, type PageOrigins } from './http-origin.ts';
import { plainRefusal, sendRaw, sendRawRefusal, urlOf } from './http-response.ts';
import { RESUME_PREFIX, type SessionHost } from './types.ts';

export interface UpgradeDeps {
  readonly admission: Pick<Admission, 'decide' | 'decideAgain'>;
  readonly sessions: SessionHost;
  readonly clientAddress: (request: IncomingMessage) => string;
  readonly origins: PageOrigins;
  /** WebSocket connections, from the upgrade's first byte to the socket's end. */
  readonly caps: AddressCaps;
  readonly keepAlive: KeepAlive;
  /** The node takes nobody new; sessions that it has may still be resumed. */
  readonly draining: () => boolean;
  /** Upgrades decided at once; more are told to come back. */
  readonly maxInFlight: number;
  /** From the upgrade's headers to the answer, in ms. */
  readonly deadlineMs: number;
  readonly maxMessageBytes: number;
  readonly onRefused: (code: ErrorCode) => void;
  readonly onError: (error: unknown) => void;
}

/** What an upgrade came to: a session to seat, or words to send away with. */
type Outcome =
  | { readonly kind: 'seat'; readonly seat: (socket: WebSocket) => void }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'redirect'; readonly redirect: Redirect };

/** Version 13 alone (RFC 6455): the older one that `ws` speaks has its origin in another header. */
const WEBSOCKET_VERSION = '13';
/** How long a peer may take to answer a close, before its socket is cut. */
const CLOSE_TIMEOUT_MS = 5000;
const WEBSOCKET_KEY = /^[+/0-9A-Za-z]{22}==$/;

/**
 * Handles upgrades at `/v1/signal`. Everything is decided before 101; whoever is not admitted has been sent
 * nothing but the refusal or the redirect.
 */
export function createUpgrade(
  deps: UpgradeDeps,
): (request: IncomingMessage, socket: Duplex, head: Buffer) => void {
  const { admission, sessions, caps } = deps;
  // Named first, since the typings do not know all of it.
  const settings = {
    noServer: true,
    maxPayload: deps.maxMessageBytes,
    maxFragments: 128,
    maxBufferedChunks: 1024,
    perMessageDeflate: false,
    clientTracking: false,
    closeTimeout: CLOSE_TIMEOUT_MS,
    handleProtocols: () => SUBPROTOCOL,
  };
  const server = new WebSocketServer(settings);
  let inFlight = 0;

  const refuse = (socket: Duplex, code: ErrorCode, headers = {}, detail?: string): void => {
    deps.onRefused(code);
    sendRawRefusal(socket, plainRefusal(code, detail), headers);
  };

  const decideResume = async (token: string, address: string): Promise<Outcome> => {
    const session = sessions.findResumable(token);
    if (session === undefined) {
      deps.onRefused('resume_invalid');
      return { kind: 'refused', refusal: plainRefusal('resume_invalid') };
    }
    const verdict = await admission.decideAgain(session, { step: 'resume', address });
    const outcome = outcomeOf(verdict, (socket, judged) => sessions.acceptResumed(socket, token, judged));
    if (outcome.kind === 'redirect') sessions.forbidResumed(token, outcome.redirect);
    else if (outcome.kind === 'refused' && !isNodesOwn(outcome.refusal)) {
      sessions.forbidResumed(token, outcome.refusal);
    }
    return outcome;
  };

  const decide = async (token: string | null, address: string): Promise<Outcome> => {
    if (token?.startsWith(RESUME_PREFIX)) return decideResume(token, address);
    const verdict = await admission.decide({ token, address, step: 'upgrade' });
    return outcomeOf(verdict, (socket, session) => sessions.accept(socket, session));
  };

  /** Answers an upgrade that was decided. */
  const answer = (
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    outcome: Outcome,
    browser: boolean,
  ): void => {
    if (outcome.kind !== 'seat' && !browser) {
      if (outcome.kind === 'refused') sendRawRefusal(socket, outcome.refusal);
      else sendRaw(socket, outcome.redirect.status, outcome.redirect);
      return;
    }
    server.handleUpgrade(request, socket, head, (webSocket) => {
      // A frame that breaks RFC 6455 or the size limit closes the socket by itself; the error is not news.
      webSocket.on('error', () => {});
      switch (outcome.kind) {
        case 'seat':
          deps.keepAlive.add(webSocket);
          outcome.seat(webSocket);
          return;
        case 'refused':
          sendAway(webSocket, 'refused', outcome.refusal);
          return;
        case 'redirect':
          sendAway(webSocket, 'redirect', outcome.redirect);
          return;
      }
    });
  };

  return (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    const { headers } = request;
    if (urlOf(request)?.pathname !== SIGNAL_PATH) return refuse(socket, 'path_unknown');
    if (request.method !== 'GET') return refuse(socket, 'method_not_allowed', { allow: 'GET' });
    if (
      headers.upgrade?.toLowerCase() !== 'websocket' ||
      !WEBSOCKET_KEY.test(headers['sec-websocket-key'] ?? '')
    ) {
      return refuse(socket, 'bad_request', {}, 'not a WebSocket handshake');
    }
    if (headers['sec-websocket-version'] !== WEBSOCKET_VERSION) {
      return refuse(
        socket,
        'bad_request',
        { 'sec-websocket-version': WEBSOCKET_VERSION },
        'WebSocket version',
      );
    }
    if (!originAllowed(headers.origin, headers.host, deps.origins)) return refuse(socket, 'origin_refused');
    const offer = offerOf(headers);
    if (!offer.ok) return refuse(socket, offer.code);
    // Whoever has a session here may come back to it: it ends in its turn.
    if (deps.draining() && offer.token?.startsWith(RESUME_PREFIX) !== true) return refuse(socket, 'draining');
    if (inFlight >= deps.maxInFlight) return refuse(socket, 'not_ready', {}, 'busy');
    const address = deps.clientAddress(request);
    const taken = caps.take(address);
    if (taken === 'address') return refuse(socket, 'too_many_connections');
    if (taken === 'total') return refuse(socket, 'not_ready', {}, 'too many connections');

    socket.once('close', taken);
    inFlight++;
    let answered = false;
    const settle = (then: () => void): void => {
      if (answered) return;
      answered = true;
      clearTimeout(deadline);
      then();
    };
    const deadline = setTimeout(() => settle(() => refuse(socket, 'deadline')), deps.deadlineMs);
    decide(offer.token, address)
      .then((outcome) => settle(() => answer(request, socket, head, outcome, offer.browser)))
      .catch((error: unknown) => {
        deps.onError(error);
        if (answered) socket.destroy();
        settle(() => refuse(socket, 'internal'));
      })
      .finally(() => {
        inFlight--;
      });
  };
}

function outcomeOf(verdict: Verdict, seat: (socket: WebSocket, session: AdmittedSession) => void): Outcome {
  switch (verdict.kind) {
    case 'admit':
      return { kind: 'seat', seat: (socket) => seat(socket, verdict.session) };
    case 'redirect':
      return { kind: 'redirect', redirect: verdict.redirect };
    case 'refuse':
      return { kind: 'refused', refusal: verdict.refusal };
  }
}

/** The node could not judge; nothing was found against the session itself. */
function isNodesOwn({ code }: Refusal): boolean {
  return code === 'policy_missing' || code === 'not_ready' || code === 'internal';
}

/** The one message of a connection that is not admitted, for clients that cannot read a failed upgrade. */
function sendAway(socket: WebSocket, event: 'refused' | 'redirect', data: Refusal | Redirect): void {
  socket.send(JSON.stringify({ type: 'notification', seq: 0, event, data }));
  socket.close(CLOSE.refused, data.code);
}
