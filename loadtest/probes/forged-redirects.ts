import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WatershedClient } from '../../src/client/client.ts';
import { nodeEnvironment } from '../../src/client/node.ts';
import {
  type DirectoryAnswer,
  type DirectoryList,
  directoryAnswerSchema,
} from '../../src/protocol/directory.ts';
import { ERRORS } from '../../src/protocol/errors.ts';
import { DIRECTORY_PATH } from '../../src/protocol/frames.ts';
import { signDirectoryList } from '../../src/tokens/directory-signature.ts';
import { issueJoinToken, type TokenIssuer } from '../../src/tokens/issue.ts';
import { generateSigningKey } from '../../src/tokens/keys.ts';
import { fetchFrom } from '../measure/local-address.ts';
import { httpOf } from '../target/target.ts';
import type { Answer } from './tally.ts';

/** How long a client may take with one redirect, in ms. */
const ATTEMPT = 2000;

export interface ForgedRedirect {
  readonly kind: string;
  readonly what: string;
  readonly answer: Answer;
}

/**
 * A node that is not one redirects the product's own client to a trap, with lists that the cloud did not sign for
 * this. Admitted is a redirect that was followed: the trap was called, or another node was tried.
 */
export async function tryForgedRedirects(options: {
  readonly issuer: TokenIssuer;
  /** True nodes, for the cloud's keys. */
  readonly frontDoors: readonly string[];
  readonly region: string;
  readonly localAddress: string;
}): Promise<ForgedRedirect[]> {
  const { issuer, frontDoors, region, localAddress } = options;
  let trapped = 0;
  const trap = await listen(
    createServer((_request, response) => {
      trapped += 1;
      response.writeHead(503).end();
    }).on('upgrade', (_request, socket) => {
      trapped += 1;
      socket.destroy();
    }),
  );
  const claims = { room: 'lt-probe-redirect', role: 'participant' as const, region };
  const token = await issueJoinToken(issuer, claims, { ttlSeconds: 120 });
  const list: DirectoryList = {
    cloud: issuer.cloud,
    room: claims.room,
    primaries: [{ datacenter: 'trap', region, url: trap.url }],
    secondaries: [],
    expiresAt: Math.floor(Date.now() / 1000) + 60,
    policy: `sha256:${'0'.repeat(64)}`,
  };
  const stranger = generateSigningKey();
  const posing = { ...stranger, kid: issuer.key.kid };
  const header = Buffer.from('{"alg":"none","typ":"watershed-directory+jwt"}').toString('base64url');
  const unsigned = `${header}.${Buffer.from(JSON.stringify(list)).toString('base64url')}.`;
  const forgeries: [string, string, DirectoryAnswer][] = [
    ['redirect-unsigned', 'a redirect whose list nobody signed', { ...list, signature: unsigned }],
    ['redirect-other-key', 'a redirect signed by a key of nobody', signDirectoryList(stranger, list)],
    [
      'redirect-posing-key',
      "a redirect signed by another key, under the issuer's key id",
      signDirectoryList(posing, list),
    ],
  ];
  const replayed = await genuineList(options, 'lt-probe-another-room');
  if (replayed !== null)
    forgeries.push([
      'redirect-replayed',
      "a redirect with the cloud's own list, made for another room",
      replayed,
    ]);
  const results: ForgedRedirect[] = [];
  try {
    for (const [kind, what, answer] of forgeries) {
      const before = trapped;
      const tried = await follow(answer, { token, frontDoors, localAddress });
      const followed = trapped > before || tried.length > 1;
      results.push({
        kind,
        what,
        answer: { admitted: followed, code: followed ? 'followed' : 'not_followed' },
      });
    }
  } finally {
    trap.server.closeAllConnections();
    trap.server.close();
  }
  return results;
}

/** The URLs that a client tries when the node it is sent to redirects it so. */
async function follow(
  answer: DirectoryAnswer,
  options: { token: string; frontDoors: readonly string[]; localAddress: string },
): Promise<string[]> {
  const code = 'region_not_admitted';
  const body = JSON.stringify({
    code,
    message: ERRORS[code].message,
    retry: false,
    status: 403,
    rule: 'admits',
    policy: answer.policy,
    list: answer,
  });
  const impostor = await listen(
    createServer((_request, response) => response.writeHead(404).end()).on('upgrade', (_request, socket) => {
      socket.end(
        `HTTP/1.1 403 Forbidden\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
      );
    }),
  );
  const tried: string[] = [];
  const { localAddress, token, frontDoors } = options;
  const environment = { ...nodeEnvironment({ localAddress }), fetch: fetchFrom(localAddress) };
  const client = new WatershedClient(environment, { attemptTimeout: ATTEMPT });
  client.on('attempt', ({ url }) => tried.push(url));
  try {
    await client.connect({ token, frontDoors, direct: impostor.url });
  } finally {
    await client.leave();
    impostor.server.closeAllConnections();
    impostor.server.close();
  }
  return tried;
}

/** A list that the cloud signed, for another room than the client's. */
async function genuineList(
  { issuer, frontDoors, region, localAddress }: Parameters<typeof tryForgedRedirects>[0],
  room: string,
): Promise<DirectoryAnswer | null> {
  const token = await issueJoinToken(issuer, { room, role: 'participant', region }, { ttlSeconds: 60 });
  for (const door of frontDoors) {
    try {
      const response = await fetchFrom(localAddress)(httpOf(door) + DIRECTORY_PATH, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}` },
        signal: AbortSignal.timeout(ATTEMPT),
      });
      const answer = directoryAnswerSchema.safeParse(await response.json());
      if (answer.success) return answer.data;
    } catch {
      // Another door may be open.
    }
  }
  return null;
}

async function listen(server: Server): Promise<{ server: Server; url: string }> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, url: `ws://127.0.0.1:${portOf(server.address())}` };
}

function portOf(address: string | AddressInfo | null): number {
  return typeof address === 'object' && address !== null ? address.port : 0;
}
