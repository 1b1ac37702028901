import { CLOSE } from '../protocol/errors.ts';
import { type Problem, problemOf, problemOfCatalogue } from './problem.ts';
import type { SocketEnd } from './signaling.ts';

/**
 * What the end of a socket means for the session on it: `lost` can be resumed at the same node, `rejoin` starts
 * again from the directory, `over` is the end.
 */
export type SessionEnd =
  | { readonly kind: 'lost' }
  | {
      readonly kind: 'rejoin';
      readonly problem: Problem;
      readonly redirect?: string;
      /** The network works, and the node is not heard over it. */
      readonly unheard?: boolean;
    }
  | { readonly kind: 'over'; readonly problem: Problem | null };

/** The last word before a close, where there was one. */
export type LastWord =
  | { readonly kind: 'bye' | 'refused'; readonly problem: Problem }
  | { readonly kind: 'redirect'; readonly problem: Problem; readonly signature: string };

/**
 * Refusals that another datacenter may cure, although repeating the request here cannot: the directory knows
 * where this session may be served now.
 */
const ELSEWHERE: ReadonlySet<string> = new Set(['region_not_admitted', 'address_refused', 'token_expired']);

/** Reads a socket's end, once the session has been joined. */
export function readEnd(end: SocketEnd, lastWord: LastWord | null): SessionEnd {
  if (lastWord?.kind === 'redirect') {
    return { kind: 'rejoin', problem: lastWord.problem, redirect: lastWord.signature };
  }
  if (lastWord !== null) {
    const { problem } = lastWord;
    // The node keeps the session of a slow reader, as it does for a lost socket.
    if (problem.code === 'slow_reader') return { kind: 'lost' };
    return problem.retry || ELSEWHERE.has(problem.code)
      ? { kind: 'rejoin', problem }
      : { kind: 'over', problem };
  }
  if (end.local) return { kind: 'lost' };
  switch (end.code) {
    case CLOSE.left:
      return { kind: 'over', problem: null };
    case CLOSE.unauthenticated:
      return { kind: 'rejoin', problem: problemOfCatalogue('token_expired') };
    case CLOSE.replaced:
      return { kind: 'over', problem: problemOfCatalogue('replaced') };
    case CLOSE.ended:
      return { kind: 'over', problem: problemOfCatalogue('room_ended') };
    case CLOSE.refused:
      return { kind: 'rejoin', problem: problemOfCatalogue('region_not_admitted') };
    case CLOSE.badMessage:
    case CLOSE.deadline:
    case CLOSE.rateLimited:
    case CLOSE.internal:
    case CLOSE.goingAway:
      return { kind: 'rejoin', problem: problemOf('connection_lost', `closed with ${end.code}`) };
    default:
      return { kind: 'lost' };
  }
}
