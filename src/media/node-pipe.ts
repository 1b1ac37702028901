import type { types } from 'mediasoup';
import type { Logger } from 'pino';
import type { RoomRouter } from './room-router.ts';
import { socketBuffers } from './socket-buffers.ts';
import type { PipeEnd, PipeOptions, PipeStats } from './types.ts';

/** What fails between two nodes' media. Never shown to participants. */
export class PipeError extends Error {
  readonly code: 'pipes_off' | 'too_many_pipes' | 'pipe_lost';

  constructor(code: PipeError['code'], message: string) {
    super(message);
    this.name = 'PipeError';
    this.code = code;
  }
}

/** One end of a pipe, from the asking for it to its close. */
export class End {
  readonly transport: Promise<types.PipeTransport>;
  #open: types.PipeTransport | undefined;
  #closed = false;

  constructor(transport: Promise<types.PipeTransport>, onClosed: () => void = () => {}) {
    this.transport = transport.then((open) => {
      if (this.#closed) open.close();
      else open.observer.once('close', onClosed);
      this.#open = open;
      return open;
    });
    this.transport.catch(onClosed);
  }

  /** At once, where it is open; else as soon as it is. */
  close(): void {
    this.#closed = true;
    this.#open?.close();
  }
}

/**
 * Makes the end of a pipe between two nodes: SRTP with AEAD_AES_256_GCM (RFC 7714) by a key of its own,
 * retransmission of what the network loses (RFC 4585, RFC 4588), and no SCTP, which mediasoup would send in plain
 * text.
 */
export async function createEnd(
  { router }: Pick<RoomRouter, 'router'>,
  pipes: PipeOptions | undefined,
): Promise<types.PipeTransport> {
  if (!pipes) throw new PipeError('pipes_off', 'This node has no address for pipes (cluster.pipes).');
  const { ip, announced, ports } = pipes;
  return router.createPipeTransport({
    listenInfo: {
      protocol: 'udp',
      ip,
      flags: { ipv6Only: ip.includes(':') },
      ...socketBuffers,
      ...(announced !== undefined && { announcedAddress: announced }),
      ...(ports && { portRange: { min: ports.min, max: ports.max } }),
    },
    enableSrtp: true,
    enableRtx: true,
    enableSctp: false,
  });
}

/** What the far node is told of an end. */
export function endOf(transport: types.PipeTransport): PipeEnd {
  const { srtpParameters: srtp, tuple } = transport;
  if (srtp?.cryptoSuite !== 'AEAD_AES_256_GCM') throw new Error('media: a pipe without SRTP');
  return {
    ip: tuple.localAddress,
    port: tuple.localPort,
    srtpParameters: { cryptoSuite: srtp.cryptoSuite, keyBase64: srtp.keyBase64 },
  };
}

/** From here on, only packets from that address that its key decrypts are taken. */
export async function connectEnd(transport: types.PipeTransport, far: PipeEnd): Promise<void> {
  const { ip, port, srtpParameters } = far;
  await transport.connect({ ip, port, srtpParameters: { ...srtpParameters } });
}

export function sameEnd(a: PipeEnd, b: PipeEnd): boolean {
  return a.ip === b.ip && a.port === b.port && a.srtpParameters.keyBase64 === b.srtpParameters.keyBase64;
}

/** Undefined for one that is closed or being made. */
export async function statsOf(
  pipe: { readonly pipeId: string; readonly node: string; readonly transport: Promise<types.PipeTransport> },
  direction: PipeStats['direction'],
): Promise<PipeStats | undefined> {
  try {
    const [stat] = await (await pipe.transport).getStats();
    if (!stat) return undefined;
    const { bytesReceived, bytesSent } = stat;
    return { direction, node: pipe.node, pipeId: pipe.pipeId, bytesReceived, bytesSent };
  } catch {
    return undefined;
  }
}

/** Brings a producer or consumer in line with what is wanted of it; one that is closed is left alone. */
export async function align(
  flow: {
    readonly closed: boolean;
    readonly paused: boolean;
    pause(): Promise<void>;
    resume(): Promise<void>;
  },
  paused: boolean,
): Promise<void> {
  if (flow.closed || flow.paused === paused) return;
  if (paused) await flow.pause();
  else await flow.resume();
}

/** Runs steps one after the other, and asks none twice at once. A failing one is logged, and the next runs. */
export class Steps {
  readonly #logger: Logger;
  #last: Promise<void> = Promise.resolve();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  run(step: () => Promise<void>): Promise<void> {
    this.#last = this.#last
      .then(step)
      .catch((error: unknown) => this.#logger.debug({ err: error }, 'media: a pipe could not be switched'));
    return this.#last;
  }
}
