import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import type { PageBundle } from './bundle.ts';
import { createDevTokenHandler, type IssueDevToken } from './dev-token.ts';
import { CONFIG_PATH, DEV_TOKEN_PATH, type PageConfig, ROOM_PATH_PREFIX } from './page-config.ts';

export interface PageOptions {
  readonly bundle: PageBundle;
  /** Asked at each request, since keys and regions follow the policy. */
  readonly config: () => PageConfig;
  /**
   * Origins beside the page's own that it may connect to: the datacenters of the policy, as `wss:` and `https:`.
   * They go into the content security policy, so the page cannot reach a bridge that the policy does not have.
   */
  readonly connectSources: () => readonly string[];
  /** Development mode only; absent in production, where the endpoint then answers as any unknown path. */
  readonly issueDevToken?: IssueDevToken;
}

/** Serves the meeting page; what is not the page's is left to the caller. */
export interface Page {
  /** True when the request was the page's and has been, or is being, answered. */
  handle(request: IncomingMessage, response: ServerResponse, url: URL): boolean;
}

interface Representation {
  readonly type: string;
  readonly cache: string;
  readonly etag: string;
  readonly plain: Buffer;
  readonly gzip: Buffer | undefined;
}

const IMMUTABLE = 'public, max-age=31536000, immutable';

/** Answers from memory: the files are read once, when the node starts. */
export function createPage(options: PageOptions): Page {
  const { bundle } = options;
  const page = represent('text/html; charset=utf-8', 'no-cache', bundle.html);
  const assets = new Map<string, Representation>();
  for (const [path, asset] of bundle.assets) assets.set(path, represent(asset.type, IMMUTABLE, asset.body));
  const devToken =
    options.issueDevToken === undefined ? undefined : createDevTokenHandler(options.issueDevToken);

  const find = (path: string): Representation | undefined => {
    if (path === '/' || path.startsWith(ROOM_PATH_PREFIX)) return page;
    if (path === CONFIG_PATH) {
      return represent('application/json; charset=utf-8', 'no-cache', JSON.stringify(options.config()));
    }
    return assets.get(path);
  };

  return {
    handle(request, response, url) {
      if (url.pathname === DEV_TOKEN_PATH && devToken !== undefined) {
        setSecurityHeaders(response);
        devToken(request, response);
        return true;
      }
      const found = find(url.pathname);
      if (found === undefined) return false;
      setSecurityHeaders(response);
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        response.writeHead(405, { allow: 'GET, HEAD' }).end();
        return true;
      }
      if (found === page) {
        response.setHeader('content-security-policy', contentSecurityPolicy(options.connectSources()));
        response.setHeader('permissions-policy', PERMISSIONS);
        response.setHeader('cross-origin-opener-policy', 'same-origin');
        response.setHeader('x-frame-options', 'DENY');
      }
      send(request, response, found);
      return true;
    },
  };
}

const PERMISSIONS =
  'camera=(self), microphone=(self), display-capture=(self), speaker-selection=(self), screen-wake-lock=(self), ' +
  'fullscreen=(self), geolocation=(), payment=(), usb=()';

function contentSecurityPolicy(connectSources: readonly string[]): string {
  const connect = [...new Set(["'self'", ...connectSources.filter(isOrigin)])].join(' ');
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    `connect-src ${connect}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join('; ');
}

/** Only `scheme://host[:port]`, or `*` for names under a host and for ports: else it could begin another directive. */
function isOrigin(source: string): boolean {
  return /^(https?|wss?):\/\/(\*\.)?[A-Za-z0-9.:[\]-]+(:\*)?$/.test(source);
}

function setSecurityHeaders(response: ServerResponse): void {
  response.setHeader('x-content-type-options', 'nosniff');
  response.setHeader('referrer-policy', 'no-referrer');
  response.setHeader('cross-origin-resource-policy', 'same-origin');
}

function represent(type: string, cache: string, content: Buffer | string): Representation {
  const plain = typeof content === 'string' ? Buffer.from(content) : content;
  const gzip = plain.length > 1400 ? gzipSync(plain) : undefined;
  const etag = createHash('sha256').update(plain).digest('base64url').slice(0, 27);
  return { type, cache, etag, plain, gzip };
}

function send(request: IncomingMessage, response: ServerResponse, found: Representation): void {
  const gzip = found.gzip !== undefined && acceptsGzip(request.headers['accept-encoding']);
  const body = gzip && found.gzip !== undefined ? found.gzip : found.plain;
  // A strong validator names one representation (RFC 9110 section 8.8.1): the coding is part of it.
  const etag = `"${found.etag}${gzip ? '-gzip' : ''}"`;
  response.setHeader('etag', etag);
  response.setHeader('cache-control', found.cache);
  response.setHeader('vary', 'accept-encoding');
  if (matches(request.headers['if-none-match'], etag)) {
    response.writeHead(304).end();
    return;
  }
  response.setHeader('content-type', found.type);
  response.setHeader('content-length', body.length);
  if (gzip) response.setHeader('content-encoding', 'gzip');
  response.writeHead(200);
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** `If-None-Match` compares weakly (RFC 9110 section 13.1.2). */
function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  if (header.trim() === '*') return true;
  return header.split(',').some((candidate) => candidate.trim().replace(/^W\//, '') === etag);
}

function acceptsGzip(header: string | string[] | undefined): boolean {
  const codings = (Array.isArray(header) ? header.join(',') : (header ?? '')).split(',');
  return codings.some((coding) => {
    const [name, ...parameters] = coding.split(';').map((part) => part.trim());
    return name === 'gzip' && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
}
