import type { IncomingMessage } from 'node:http';
import { BEARER_PREFIX, SUBPROTOCOL } from '../protocol/frames.ts';

/** RFC 6750 section 2.1. */
const AUTHORIZATION = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i;
/** RFC 9110 section 5.6.2: what a subprotocol is made of. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Token of an `Authorization: Bearer` header; null when there is none, `malformed` when it has no such form. */
export function bearerOf(header: string | undefined): { token: string | null; malformed: boolean } {
  if (header === undefined) return { token: null, malformed: false };
  const token = AUTHORIZATION.exec(header.trim())?.[1];
  return token === undefined ? { token: null, malformed: true } : { token, malformed: false };
}

/** How a client offers to speak, and by what. */
export type Offer =
  | {
      readonly ok: true;
      readonly token: string | null;
      /** The token came as a subprotocol: a browser, which cannot read a failed upgrade. */
      readonly browser: boolean;
    }
  | { readonly ok: false; readonly code: 'unsupported_protocol' | 'bad_request' | 'token_invalid' };

/**
 * Reads subprotocols and token of an upgrade. `watershed.v1` has to be offered; a token comes by header or by
 * subprotocol, not by both (RFC 6750 section 2), and never in the URL.
 */
export function offerOf(headers: IncomingMessage['headers']): Offer {
  const protocols = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  if (!protocols.every((name) => TOKEN.test(name)) || new Set(protocols).size !== protocols.length) {
    return { ok: false, code: 'unsupported_protocol' };
  }
  if (!protocols.includes(SUBPROTOCOL)) return { ok: false, code: 'unsupported_protocol' };
  const offered = protocols.filter((name) => name.startsWith(BEARER_PREFIX));
  const header = bearerOf(headers.authorization);
  if (header.malformed) return { ok: false, code: 'token_invalid' };
  const [subprotocol, ...more] = offered;
  if (more.length > 0) return { ok: false, code: 'bad_request' };
  if (subprotocol === undefined) return { ok: true, token: header.token, browser: false };
  if (header.token !== null) return { ok: false, code: 'bad_request' };
  return { ok: true, token: subprotocol.slice(BEARER_PREFIX.length), browser: true };
}
