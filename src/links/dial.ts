import { connect, type PeerCertificate, type TLSSocket } from 'node:tls';
import { WebSocket } from 'ws';
import { nodeKey } from '../policy/node-key.ts';
import { MAX_LINK_MESSAGE_BYTES } from './channel.ts';
import { LinkError, type LinkPeer, type LinksOptions, type LinkTarget } from './types.ts';

export const LINK_PATH = '/v1/link';

export interface Dialled {
  readonly socket: WebSocket;
  readonly peer: LinkPeer;
  readonly certificate: Uint8Array;
}

/**
 * Dials a node. The far side's certificate is judged before a byte of ours is sent over the connection; then the
 * far side judges ours. Rejects with `link_unreachable` or `link_refused`, and nothing is left open.
 */
export async function dial(
  target: LinkTarget,
  options: Pick<LinksOptions, 'certificate' | 'key' | 'trust'>,
  connectMs: number,
): Promise<Dialled> {
  const deadline = AbortSignal.timeout(connectMs);
  const tls = await secure(target, options, deadline);
  try {
    const certificate = peerCertificate(tls);
    const peer = certificate === null ? null : options.trust.verify(certificate);
    if (certificate === null || peer === null) throw new LinkError('link_refused', 'it has no certificate');
    if (!peer.ok) throw new LinkError('link_refused', `its certificate: ${peer.reason}`);
    if (nodeKey(peer) !== nodeKey(target)) {
      throw new LinkError('link_refused', `it is ${peer.id} of ${peer.datacenter}`);
    }
    return {
      socket: await upgrade(tls, deadline),
      peer: { id: peer.id, datacenter: peer.datacenter },
      certificate,
    };
  } catch (error) {
    tls.destroy();
    throw error;
  }
}

/** What the far side showed in its handshake, of which it has proved to hold the key. */
export function peerCertificate(socket: TLSSocket): Uint8Array | null {
  // An empty object where there is none.
  const { raw }: Partial<PeerCertificate> = socket.getPeerCertificate();
  return raw ?? null;
}

function secure(
  { link }: LinkTarget,
  { certificate, key }: Pick<LinksOptions, 'certificate' | 'key'>,
  deadline: AbortSignal,
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const colon = link.lastIndexOf(':');
    const socket = connect({
      host: link.slice(0, colon).replace(/^\[|\]$/g, ''),
      port: Number(link.slice(colon + 1)),
      cert: certificate,
      key,
      minVersion: 'TLSv1.3',
      // Judged by the policy's enrolment keys instead of by an authority.
      rejectUnauthorized: false,
    });
    const fail = (cause: unknown): void => {
      socket.destroy();
      reject(new LinkError('link_unreachable', `${link} cannot be reached`, { cause }));
    };
    socket.once('secureConnect', () => {
      socket.off('error', fail);
      deadline.removeEventListener('abort', fail);
      resolve(socket);
    });
    socket.once('error', fail);
    deadline.addEventListener('abort', fail, { once: true });
  });
}

function upgrade(tls: TLSSocket, deadline: AbortSignal): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`wss://node.invalid${LINK_PATH}`, {
      createConnection: () => tls,
      perMessageDeflate: false,
      maxPayload: MAX_LINK_MESSAGE_BYTES,
    });
    const fail = (code: string, message: string, cause?: unknown): void => {
      socket.on('error', () => {});
      socket.terminate();
      reject(new LinkError(code, message, { cause }));
    };
    const onAbort = (): void => fail('link_unreachable', 'no answer in time');
    deadline.addEventListener('abort', onAbort, { once: true });
    socket.once('open', () => {
      deadline.removeEventListener('abort', onAbort);
      socket.removeAllListeners('error');
      resolve(socket);
    });
    socket.once('unexpected-response', (_request, { statusCode }) =>
      fail('link_refused', `it answers ${statusCode} to our certificate`),
    );
    socket.once('error', (error) => fail('link_unreachable', 'the connection broke', error));
  });
}
