/** Stands for the host that the request itself names, in a list of origins. */
const SELF_ORIGIN = 'self';
/** Stands for the pages that the cloud's nodes serve. */
const CLOUD_ORIGIN = 'cloud';

/** Pages that may ask, and connect. */
export interface PageOrigins {
  /** Exact origins, `self` and `cloud`. */
  readonly listed: readonly string[];
  /** Whether a page with this origin is served by a node of this cloud. */
  readonly ofCloud: (origin: string) => boolean;
}

/**
 * Whether a request may come from where it says. No `Origin`: not a browser, allowed. One that is present has to
 * be listed exactly, or be the request's own `Host` where `self` is listed, or a node's of the cloud where `cloud` is.
 * What cannot be read is not allowed.
 */
export function originAllowed(
  origin: string | undefined,
  host: string | undefined,
  { listed, ofCloud }: PageOrigins,
): boolean {
  if (origin === undefined) return true;
  if (origin === SELF_ORIGIN || origin === CLOUD_ORIGIN) return false;
  if (listed.includes(origin)) return true;
  if (!URL.canParse(origin)) return false;
  const { protocol, origin: canonical } = new URL(origin);
  if (canonical !== origin || (protocol !== 'http:' && protocol !== 'https:')) return false;
  if (listed.includes(CLOUD_ORIGIN) && ofCloud(origin)) return true;
  if (!listed.includes(SELF_ORIGIN) || host === undefined) return false;
  // The scheme is the proxy's business where one ends TLS; default ports may be written or not.
  const own = `${protocol}//${host}`;
  return URL.canParse(own) && new URL(own).origin === origin;
}

/** CORS headers (Fetch standard) for a page that may ask; `Vary` always, since the answer depends on it. */
export function corsHeaders(
  origin: string | undefined,
  host: string | undefined,
  origins: PageOrigins,
): Record<string, string> {
  if (origin === undefined || !originAllowed(origin, host, origins)) return { vary: 'origin' };
  return {
    vary: 'origin',
    'access-control-allow-origin': origin,
    'access-control-expose-headers': 'retry-after',
  };
}

/** What a preflight is told beside `corsHeaders`. */
export const PREFLIGHT_HEADERS: Readonly<Record<string, string>> = {
  'access-control-allow-methods': 'GET, POST',
  'access-control-allow-headers': 'authorization, content-type',
  'access-control-max-age': '600',
};
