import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { firstAnswer } from '../../src/client/connector.ts';
import { nodeEnvironment } from '../../src/client/node.ts';
import { Signaling } from '../../src/client/signaling.ts';
import type { TransportInfo } from '../../src/protocol/rtp.ts';
import { bindingRequest, STUN, stunAttribute } from './stun.ts';
import { type Answer, UNANSWERED } from './tally.ts';

/** How long the node has to answer a datagram, in ms. */
const PATIENCE = 700;
const SUCCESS = 0x0101;

export interface StrayMedia {
  readonly kind: string;
  readonly what: string;
  readonly answer: Answer;
}

/**
 * Joins where it may, and then sends to the transport's media address from an address that never signalled: STUN
 * with another password, and DTLS without ICE. Answered by STUN success or by a handshake means admitted. Last, STUN
 * with the right password must succeed: else the silence before proves nothing, and nothing was answered.
 */
export async function tryStrayMedia(options: {
  readonly url: string;
  readonly token: string;
  /** Of signaling, and of the stray datagrams. */
  readonly localAddress: string;
  readonly strayAddress: string;
}): Promise<StrayMedia[]> {
  const transport = await joinForTransport(options);
  if (transport === null) return [];
  const { iceParameters, iceCandidates } = transport;
  const candidate = iceCandidates.find(({ protocol, ip }) => protocol === 'udp' && !ip.includes(':'));
  if (candidate === undefined) return [];
  const { ip, port } = candidate;
  const socket = createSocket('udp4');
  const answers: Buffer[] = [];
  socket.on('message', (datagram) => answers.push(datagram));
  socket.on('error', () => undefined);
  try {
    socket.bind(0, options.strayAddress);
    await once(socket, 'listening', { signal: AbortSignal.timeout(PATIENCE) });
    const exchange = async (datagram: Buffer, isAdmission: (answer: Buffer) => boolean): Promise<boolean> => {
      answers.length = 0;
      socket.send(datagram, port, ip);
      const end = performance.now() + PATIENCE;
      while (performance.now() < end) {
        if (answers.some(isAdmission)) return true;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return false;
    };
    const isSuccess = (answer: Buffer): boolean => answer.length >= 20 && answer.readUInt16BE(0) === SUCCESS;
    // RFC 7983: a first byte of 20 to 63 is DTLS.
    const isDtls = (answer: Buffer): boolean => (answer[0] ?? 0) >= 20 && (answer[0] ?? 0) <= 63;
    const user = `${iceParameters.usernameFragment}:probe`;
    const guessed = await exchange(check(user, randomBytes(16).toString('hex')), isSuccess);
    const handshake = await exchange(clientHello(), isDtls);
    const alive = await exchange(check(user, iceParameters.password), isSuccess);
    const answer = (admitted: boolean, code: string): Answer => ({
      admitted,
      code: admitted ? code : alive ? 'ignored' : UNANSWERED,
    });
    return [
      {
        kind: 'media-password',
        what: "media from another address than signaling's, with a guessed ICE password",
        answer: answer(guessed, 'stun_success'),
      },
      {
        kind: 'media-without-ice',
        what: "a DTLS handshake from another address than signaling's, without ICE",
        answer: answer(handshake, 'dtls_answer'),
      },
    ];
  } finally {
    socket.close();
  }
}

/** A session of its own, and its receiving transport; null where it does not get one. */
async function joinForTransport(options: {
  url: string;
  token: string;
  localAddress: string;
}): Promise<TransportInfo | null> {
  const environment = nodeEnvironment({ localAddress: options.localAddress });
  const signaling = new Signaling(environment, options.url, options.token);
  try {
    if ((await firstAnswer(signaling, {})).kind !== 'welcome') return null;
    const joined = await signaling.request(
      'join',
      { displayName: 'probe', rtpCapabilities: {} },
      { seconds: 5 },
    );
    if (joined.state !== 'joined') return null;
    return await signaling.request('createTransport', { direction: 'receive' }, { seconds: 5 });
  } catch {
    return null;
  } finally {
    // The transport outlives the socket by the resume window; STUN is answered as long as it is there.
    setTimeout(() => signaling.close(1000), 4 * PATIENCE).unref();
  }
}

/** As the controlling side asks (RFC 8445 section 7.1). */
function check(username: string, password: string): Buffer {
  return bindingRequest(password, [
    stunAttribute(STUN.username, Buffer.from(username)),
    stunAttribute(STUN.iceControlling, randomBytes(8)),
    stunAttribute(STUN.priority, Buffer.from([0x6e, 0x00, 0x1e, 0xff])),
  ]);
}

/** A DTLS 1.2 ClientHello (RFC 6347 section 4.2.2) with one cipher suite, the least that a server would answer. */
function clientHello(): Buffer {
  const body = Buffer.concat([
    Buffer.from([0xfe, 0xfd]),
    randomBytes(32),
    // No session, no cookie, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, no compression.
    Buffer.from([0, 0, 0, 2, 0xc0, 0x2b, 1, 0]),
  ]);
  const handshake = Buffer.alloc(12);
  handshake[0] = 1;
  handshake.writeUIntBE(body.length, 1, 3);
  handshake.writeUIntBE(body.length, 9, 3);
  const record = Buffer.alloc(13);
  record[0] = 22;
  record.writeUInt16BE(0xfefd, 1);
  record.writeUInt16BE(handshake.length + body.length, 11);
  return Buffer.concat([record, handshake, body]);
}
