import { decodeJwt } from 'jose';
import { z } from 'zod';
import type { Problem } from '../../client/problem.ts';
import { wireErrorSchema } from '../../protocol/frames.ts';
import { displayNameSchema, roleSchema, roomIdSchema } from '../../protocol/token.ts';
import { DEV_TOKEN_PATH, type DevTokenRequest, devTokenResponseSchema } from '../page-config.ts';

/** What the page shows of its own token before the node has verified it. */
const shownClaimsSchema = z.object({
  room: roomIdSchema,
  name: displayNameSchema.optional(),
  role: roleSchema.optional(),
});
export type ShownClaims = z.infer<typeof shownClaimsSchema>;

const STORED = 'watershed.token';

interface Place {
  readonly hash: string;
  readonly pathname: string;
  readonly search: string;
}

type LinkPlace = Pick<Location, 'hash' | 'reload'>;

/**
 * Takes the join token out of the address (`#token=…`, which no server ever sees) so that it is neither copied
 * with the link nor kept in the history; for a reload of this tab it is kept in session storage.
 */
export function takeToken(
  place: Place,
  replaceAddress: (address: string) => void,
  storage: () => Pick<Storage, 'getItem' | 'setItem'>,
): string | null {
  const found = tokenIn(place);
  if (found !== null) replaceAddress(place.pathname + place.search);
  try {
    if (found === null) return storage().getItem(STORED);
    storage().setItem(STORED, found);
  } catch {
    // Storage is not allowed: the token lasts as long as this page.
  }
  return found;
}

/**
 * A join link that is opened in a tab where the page is already changes nothing but what stands behind the `#`: the
 * page begins anew by that token, which then does not stay in the address either.
 */
export function followLinks(view: Pick<Window, 'addEventListener'> & { readonly location: LinkPlace }): void {
  view.addEventListener('hashchange', () => {
    if (tokenIn(view.location) !== null) view.location.reload();
  });
}

function tokenIn({ hash }: Pick<Place, 'hash'>): string | null {
  return new URLSearchParams(hash.replace(/^#/, '')).get('token');
}

/** The claims for the lobby; undefined where the token cannot be read. */
export function shownClaims(token: string): ShownClaims | undefined {
  try {
    return shownClaimsSchema.parse(decodeJwt(token));
  } catch {
    return undefined;
  }
}

/** Development: asks this node for a join token. */
export async function fetchDevToken(
  request: DevTokenRequest,
): Promise<{ ok: true; token: string } | { ok: false; problem: Problem }> {
  try {
    const response = await fetch(DEV_TOKEN_PATH, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(request),
    });
    const body: unknown = await response.json();
    if (response.ok) return { ok: true, token: devTokenResponseSchema.parse(body).token };
    return { ok: false, problem: wireErrorSchema.parse(body) };
  } catch {
    const message = 'The node did not give a development token. Is it still running?';
    return { ok: false, problem: { code: 'directory_unreachable', message, retry: true } };
  }
}
