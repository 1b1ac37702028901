import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { createWorker, type types } from 'mediasoup';
import { dtls, mutate, rtcp, rtp, stun } from './packets.ts';
import { type Random, seededRandom } from './random.ts';
import { TcpClients } from './tcp-clients.ts';

export interface ChurnOptions {
  readonly workerBin: string;
  readonly seed: number;
  /** Ends after this long, with the worker that is then running. */
  readonly ms: number;
  /** Told of the workers that have come and gone. */
  readonly onProgress?: (workers: number) => void;
}

const EXIT_MS = 30_000;
const MOST_ACTIONS = 120;
const STREAM = { ssrc: 1000, payloadType: 101 };
const VP8 = { mimeType: 'video/VP8', clockRate: 90000 } as const;
const FINGERPRINT = { algorithm: 'sha-256', value: Array(32).fill('00').join(':') } as const;
const LISTEN = { protocol: 'udp', ip: '127.0.0.1' } as const;
const LISTEN_BOTH = [LISTEN, { ...LISTEN, protocol: 'tcp' }] as const;
/** How a worker ends that was told to, before or after it listens to signals. */
const PROPER_END = /code:0, signal:null|signal:SIG(TERM|INT)\b/;

/**
 * Workers that are told to open, connect and close transports, pipes, producers and consumers all at once while
 * packets come in, over UDP and TCP, and are ended in the middle of it: by their channel, by SIGTERM or by SIGINT. Resolves with
 * their number; rejects, with the seed, when one dies by itself, does not end, or ends otherwise than told.
 */
export async function churn(options: ChurnOptions): Promise<number> {
  const random = seededRandom(options.seed);
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const begun = performance.now();
  let workers = 0;
  try {
    while (performance.now() - begun < options.ms) {
      await oneWorker(options.workerBin, random, socket).catch((cause: unknown) => {
        throw new Error(`worker ${workers} of seed ${options.seed}`, { cause });
      });
      workers += 1;
      options.onProgress?.(workers);
    }
    return workers;
  } finally {
    socket.close();
  }
}

async function oneWorker(workerBin: string, random: Random, socket: Socket): Promise<void> {
  const worker = await createWorker({ workerBin, logLevel: 'none' });
  const gone = once(worker, 'subprocessclose', { signal: AbortSignal.timeout(EXIT_MS * 4) });
  gone.catch(() => {});
  let told = false;
  let fault: Error | undefined;
  worker.on('died', (error) => {
    if (!told || !PROPER_END.test(error.message)) fault = error;
  });
  const world = new World(worker, random, socket);
  try {
    const actions = random.below(MOST_ACTIONS);
    for (let i = 0; i < actions && !worker.died; i += 1) {
      world.act();
      // Some in one turn of the worker's loop, some apart.
      if (random.below(3) === 0) await delay(random.below(4));
    }
  } finally {
    told = true;
    const way = random.below(4);
    if (way === 0) process.kill(worker.pid, 'SIGTERM');
    else if (way === 1) process.kill(worker.pid, 'SIGINT');
    else worker.close();
    const late = delay(EXIT_MS).then(() => 'late');
    if ((await Promise.race([gone, late])) === 'late') {
      process.kill(worker.pid, 'SIGKILL');
      fault ??= new Error('the worker did not end');
    }
    worker.close();
    world.close();
  }
  if (fault) throw fault;
}

/** What one worker holds, so far as its answers have come. */
class World {
  readonly #worker: types.Worker;
  readonly #random: Random;
  readonly #socket: Socket;
  readonly #servers: types.WebRtcServer[] = [];
  readonly #routers: types.Router[] = [];
  readonly #webRtc: types.WebRtcTransport[] = [];
  readonly #pipes: types.PipeTransport[] = [];
  readonly #plain: types.PlainTransport[] = [];
  readonly #producers: types.Producer[] = [];
  readonly #consumers: types.Consumer[] = [];
  readonly #tcp: TcpClients;
  #sent = 0;

  constructor(worker: types.Worker, random: Random, socket: Socket) {
    this.#worker = worker;
    this.#random = random;
    this.#socket = socket;
    this.#tcp = new TcpClients(random);
  }

  close(): void {
    this.#tcp.close();
  }

  /** Begins one thing and does not wait for it. That what it concerns is closed by then is the point. */
  act(): void {
    const r = this.#random;
    const actions: readonly (() => Promise<unknown> | undefined)[] = [
      () =>
        this.#worker.createWebRtcServer({ listenInfos: [...LISTEN_BOTH] }).then((s) => this.#servers.push(s)),
      () =>
        this.#worker
          .createRouter({ mediaCodecs: [{ kind: 'video', preferredPayloadType: 101, ...VP8 }] })
          .then((router) => this.#routers.push(router)),
      () => this.#openWebRtc(),
      () => this.#openWebRtc(),
      () =>
        this.#any(this.#routers)
          ?.createPipeTransport({ listenInfo: LISTEN, enableSrtp: r.below(2) === 0, enableRtx: true })
          .then((pipe) => this.#pipes.push(pipe)),
      () =>
        this.#any(this.#routers)
          ?.createPlainTransport({ listenInfo: LISTEN, comedia: true, rtcpMux: true })
          .then((plain) => this.#plain.push(plain)),
      () => {
        const role = r.pick(['client', 'server', 'auto'] as const);
        return this.#any(this.#webRtc)?.connect({ dtlsParameters: { role, fingerprints: [FINGERPRINT] } });
      },
      () => this.#any(this.#webRtc)?.restartIce(),
      () =>
        this.#any<types.Transport>([...this.#plain, ...this.#pipes])
          ?.produce({
            kind: 'video',
            rtpParameters: {
              codecs: [{ payloadType: 101, ...VP8 }],
              encodings: [{ ssrc: STREAM.ssrc + r.below(3) }],
            },
          })
          .then((producer) => this.#producers.push(producer)),
      () => this.#consume(),
      () => this.#consume(),
      () => this.#any(this.#consumers)?.requestKeyFrame(),
      () => this.#any(this.#consumers)?.pause(),
      () => this.#any(this.#consumers)?.resume(),
    ];
    if (r.below(4) === 0) this.#closeOne();
    else r.pick(actions)()?.catch(() => {});
    for (let i = r.below(6); i > 0; i -= 1) this.#send();
  }

  #any<T>(from: readonly T[]): T | undefined {
    return from.length === 0 ? undefined : this.#random.pick(from);
  }

  async #openWebRtc(): Promise<void> {
    const webRtcServer = this.#any(this.#servers);
    const where =
      webRtcServer && this.#random.below(4) > 0 ? { webRtcServer } : { listenInfos: [...LISTEN_BOTH] };
    const transport = await this.#any(this.#routers)?.createWebRtcTransport({
      ...where,
      enableTcp: true,
      enableSctp: true,
    });
    if (transport) this.#webRtc.push(transport);
  }

  async #consume(): Promise<void> {
    const router = this.#any(this.#routers);
    const producer = this.#any(this.#producers);
    const transport = this.#any<types.Transport>([...this.#webRtc, ...this.#pipes, ...this.#plain]);
    if (!router || !producer || !transport) return;
    this.#consumers.push(
      await transport.consume({ producerId: producer.id, rtpCapabilities: router.rtpCapabilities }),
    );
  }

  #closeOne(): void {
    const closable: readonly (readonly { close(): void }[])[] = [
      this.#consumers,
      this.#consumers,
      this.#producers,
      this.#webRtc,
      this.#webRtc,
      this.#pipes,
      this.#plain,
      ...(this.#random.below(4) === 0 ? [this.#routers, this.#servers] : []),
    ];
    this.#any(this.#random.pick(closable))?.close();
  }

  #send(): void {
    const r = this.#random;
    const plain = this.#any(this.#plain);
    const webRtc = this.#any(this.#webRtc);
    const to = (packet: Buffer, port: number | undefined): void => {
      // A transport that is closed has no port, or one that is nobody's.
      if (port !== undefined) this.#socket.send(packet, port, '127.0.0.1', () => {});
    };
    const stream = { ...STREAM, ssrc: STREAM.ssrc + r.below(3) };
    const kind = r.below(5);
    if (kind < 2) to(rtp(r, stream, this.#sent++), plain?.tuple.localPort);
    else if (kind === 2) to(mutate(r, rtcp(r, [stream])), plain?.tuple.localPort);
    else if (webRtc) {
      const candidate = r.pick(webRtc.iceCandidates);
      const packet = kind === 3 ? stun(r, webRtc.iceParameters, { nominate: true }) : dtls(r);
      if (candidate.protocol === 'tcp') this.#tcp.send(packet, candidate.port);
      else to(packet, candidate.port);
    }
  }
}
