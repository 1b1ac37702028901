import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { PageConfig } from '../page-config.ts';
import { createPage, type PageOptions } from '../page-handler.ts';

export const DEVELOPMENT: PageConfig = {
  cloud: 'commercial',
  development: true,
  frontDoors: [],
  regions: ['us', 'eu', 'cn'],
  region: 'us',
};

export interface PageServer {
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Serves a page alone, without a node, on a port of loopback; `rest` answers what is not the page's. */
export async function servePage(
  options: Pick<PageOptions, 'bundle'> & Partial<PageOptions>,
  rest?: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<PageServer> {
  const page = createPage({ config: () => DEVELOPMENT, connectSources: () => [], ...options });
  const server: Server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://node');
    if (page.handle(request, response, url)) return;
    if (rest === undefined) response.writeHead(404).end();
    else rest(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://localhost:${port}`,
    port,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
