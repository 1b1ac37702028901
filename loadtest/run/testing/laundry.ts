import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { z } from 'zod';
import { issueJoinToken, type TokenIssuer } from '../../../src/tokens/issue.ts';

const claimsSchema = z.object({ room: z.string(), region: z.string() });

/**
 * Stands before a node and gives everybody a good token in place of the one they brought, whatever that is: what a
 * node would be like that verified nothing.
 */
export async function startLaundry(options: { issuer: TokenIssuer; port: number }) {
  const { issuer, port } = options;
  const host = '127.0.0.1';

  const wash = async ({ headers }: IncomingMessage): Promise<string> => {
    const token = headers.authorization?.replace(/^Bearer /, '') ?? '';
    let claims = { room: 'laundry', region: 'cn' };
    try {
      claims = claimsSchema.parse(JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()));
    } catch {
      // No token at all is as welcome.
    }
    const region = ['us', 'eu', 'hk', 'cn'].includes(claims.region) ? claims.region : 'cn';
    return issueJoinToken(issuer, { ...claims, region, role: 'participant' }, { ttlSeconds: 60 });
  };

  const server = createServer(async (incoming, response) => {
    const authorization = `Bearer ${await wash(incoming)}`;
    const { method, url: path, headers } = incoming;
    const forward = request(
      { host, port, method, path, headers: { ...headers, authorization } },
      (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      },
    );
    forward.on('error', () => response.destroy());
    incoming.pipe(forward);
  });
  server.on('upgrade', async (incoming, socket, head) => {
    socket.on('error', () => undefined);
    const token = await wash(incoming);
    const far = connect(port, host);
    far.on('error', () => socket.destroy());
    const headers = { ...incoming.headers, authorization: `Bearer ${token}` };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${String(value)}\r\n`);
    far.write(`${incoming.method} ${incoming.url} HTTP/1.1\r\n${lines.join('')}\r\n`);
    far.write(head);
    socket.pipe(far).pipe(socket);
  });
  server.listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    async close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
