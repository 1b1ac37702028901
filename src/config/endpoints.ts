import type { NodeConfig } from './schema.ts';

/** The URLs of a node, once its port is known. */
export interface Endpoints {
  /** For browsers: `http(s)://host:port`. */
  readonly page: string;
  /** WebSocket base URL for the registry and the directory, without a path. */
  readonly publicUrl: string;
  /** Origins that may open a WebSocket: `signaling.origins` with `self` replaced. */
  readonly origins: readonly string[];
}

/** `port` is the one that was bound, which differs from the configuration's where that says 0. */
export function endpointsOf(config: NodeConfig, port: number): Endpoints {
  const { http, signaling } = config;
  const scheme = http.tls === null ? 'http' : 'https';
  const host = http.host.includes(':') ? `[${http.host}]` : http.host;
  const own = new URL(`${scheme}://${host}:${port}`).origin;
  const publicUrl = http.publicUrl ?? own.replace(/^http/, 'ws');
  const self = [publicUrl.replace(/^ws/, 'http')];
  if (http.host === 'localhost') {
    // The same listener by its other names.
    for (const name of ['localhost', '127.0.0.1', '[::1]']) {
      self.push(new URL(`${scheme}://${name}:${port}`).origin);
    }
  }
  const origins = signaling.origins.flatMap((origin) => (origin === 'self' ? self : [origin]));
  return { page: publicUrl.replace(/^ws/, 'http'), publicUrl, origins: [...new Set(origins)] };
}
