import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Admission } from '../cluster/types.ts';
import type { DirectoryKeys } from '../protocol/directory.ts';
import type { ErrorCode } from '../protocol/errors.ts';
import { DIRECTORY_PATH, KEYS_PATH, SIGNAL_PATH } from '../protocol/frames.ts';
import { bearerOf } from './http-bearer.ts';
import { corsHeaders, originAllowed, type PageOrigins, PREFLIGHT_HEADERS } from './http-origin.ts';
import type { AddressRates } from './http-rates.ts';
import {
  BASE_HEADERS,
  type Headers,
  plainRefusal,
  send,
  sendJson,
  sendRefusal,
  urlOf,
} from './http-response.ts';

/** The meeting page and what belongs to it; answers only what is its own. */
export interface PageHandler {
  /** True when the request was the page's and has been, or is being, answered. */
  handle(request: IncomingMessage, response: ServerResponse, url: URL): boolean;
}

/** Whether clients may be sent here, and if not, why not. */
export interface Readiness {
  readiness(): {
    readonly ready: boolean;
    readonly reasons: readonly { readonly check: string; readonly reason: string }[];
    readonly warnings: readonly { readonly check: string; readonly reason: string }[];
  };
}

/** The part of a prom-client registry that `/metrics` needs. */
export interface MetricsText {
  readonly contentType: string;
  metrics(): Promise<string>;
}

export interface RouteDeps {
  readonly admission: Pick<Admission, 'directory'>;
  readonly clientAddress: (request: IncomingMessage) => string;
  readonly origins: PageOrigins;
  readonly keys: () => DirectoryKeys;
  readonly readiness: Readiness;
  readonly metrics: MetricsText;
  readonly page: PageHandler;
  readonly onRefused: (code: ErrorCode) => void;
  readonly onError: (error: unknown) => void;
  /** Directory questions answered at once; more are told to come back. */
  readonly maxInFlight: number;
  /** Directory questions of one address. */
  readonly directoryRates: AddressRates;
}

/** For so long one collection of the metrics serves all who ask, in ms: it looks at whatever the node has open. */
export const METRICS_MS = 250;
/** Bytes of a request's body that are read, and thrown away: no path of ours has one. */
const MAX_BODY_BYTES = 16 * 1024;

type Route = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/** Answers every request that is not an upgrade. */
export function createRoutes(deps: RouteDeps): (request: IncomingMessage, response: ServerResponse) => void {
  const { admission, origins, readiness, metrics } = deps;
  let inFlight = 0;

  const refuse = (
    response: ServerResponse,
    code: ErrorCode,
    headers: Headers = {},
    detail?: string,
  ): void => {
    deps.onRefused(code);
    sendRefusal(response, plainRefusal(code, detail), headers);
  };

  const directory: Route = async (request, response) => {
    const { origin, host, authorization } = request.headers;
    const cors = corsHeaders(origin, host, origins);
    if (!originAllowed(origin, host, origins)) return refuse(response, 'origin_refused', cors);
    const address = deps.clientAddress(request);
    // Before anything that costs more than a look at a table.
    const waitSeconds = deps.directoryRates.take(address);
    if (waitSeconds > 0) {
      return refuse(response, 'directory_rate_limited', { ...cors, 'retry-after': String(waitSeconds) });
    }
    const { token, malformed } = bearerOf(authorization);
    if (malformed) return refuse(response, 'token_invalid', cors);
    if (inFlight >= deps.maxInFlight) return refuse(response, 'not_ready', cors, 'busy');
    inFlight++;
    try {
      const outcome = await admission.directory({ token, address, step: 'directory' });
      if (outcome.kind === 'list') sendJson(response, 200, outcome.answer, cors);
      else sendRefusal(response, outcome.refusal, cors);
    } finally {
      inFlight--;
    }
  };

  let collected: { readonly at: number; readonly text: Promise<string> } | null = null;
  const metricsText = (): Promise<string> => {
    const at = performance.now();
    if (collected === null || at - collected.at >= METRICS_MS) collected = { at, text: metrics.metrics() };
    return collected.text;
  };

  const preflight: Route = (request, response) => {
    const { origin, host } = request.headers;
    const cors = corsHeaders(origin, host, origins);
    if (!originAllowed(origin, host, origins)) return refuse(response, 'origin_refused', cors);
    send(response, 204, '', { ...cors, ...PREFLIGHT_HEADERS });
  };

  const readKeys: Route = (request, response) => {
    const { origin, host } = request.headers;
    sendJson(response, 200, deps.keys(), {
      ...corsHeaders(origin, host, origins),
      'cache-control': 'public, max-age=60',
    });
  };

  const routes = new Map<string, ReadonlyMap<string, Route>>([
    [
      DIRECTORY_PATH,
      new Map([
        ['POST', directory],
        ['OPTIONS', preflight],
      ]),
    ],
    [KEYS_PATH, new Map([...reading(readKeys), ['OPTIONS', preflight]])],
    ['/healthz', reading((_request, response) => sendJson(response, 200, { status: 'alive' }))],
    [
      '/readyz',
      reading((_request, response) => {
        const { ready, reasons, warnings } = readiness.readiness();
        sendJson(response, ready ? 200 : 503, { ready, reasons, warnings });
      }),
    ],
    [
      '/metrics',
      reading(async (_request, response) => {
        send(response, 200, await metricsText(), { 'content-type': metrics.contentType });
      }),
    ],
    [
      SIGNAL_PATH,
      reading((_request, response) => {
        // RFC 9110 section 15.5.22: what is missing is the upgrade.
        deps.onRefused('unsupported_protocol');
        const refusal = { ...plainRefusal('unsupported_protocol'), status: 426 };
        sendRefusal(response, refusal, { upgrade: 'websocket', connection: 'upgrade' });
      }),
    ],
  ]);

  const dispatch = (request: IncomingMessage, response: ServerResponse): void | Promise<void> => {
    const url = urlOf(request);
    if (url === null) return refuse(response, 'bad_request');
    const methods = routes.get(url.pathname);
    if (methods === undefined) {
      // The page sends its answers itself; `send` has these headers already.
      for (const [name, value] of Object.entries(BASE_HEADERS)) response.setHeader(name, value);
      if (deps.page.handle(request, response, url)) return;
      boundBody(request, response);
      return refuse(response, 'path_unknown');
    }
    boundBody(request, response);
    const route = methods.get(request.method ?? '');
    if (route === undefined) {
      return refuse(response, 'method_not_allowed', { allow: [...methods.keys()].join(', ') });
    }
    return route(request, response);
  };

  return (request, response) => {
    const failed = (error: unknown): void => {
      deps.onError(error);
      if (!response.headersSent) refuse(response, 'internal');
    };
    try {
      void Promise.resolve(dispatch(request, response)).catch(failed);
    } catch (error) {
      failed(error);
    }
  };
}

function reading(route: Route): ReadonlyMap<string, Route> {
  return new Map([
    ['GET', route],
    ['HEAD', route],
  ]);
}

/** Throws the body away; one that is larger than any ours could be ends the connection once it is answered. */
function boundBody(request: IncomingMessage, response: ServerResponse): void {
  let bytes = 0;
  const declared = Number(request.headers['content-length'] ?? 0);
  if (declared > MAX_BODY_BYTES) response.setHeader('connection', 'close');
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) request.destroy();
  });
  request.on('error', () => {});
}
