import { EventEmitter } from 'node:events';
import { isIP } from 'node:net';
import { type Logger, pino } from 'pino';
import { WatershedError } from '../protocol/errors.ts';
import type { WireRtpCapabilities } from '../protocol/rtp.ts';
import { shortId } from '../protocol/short-id.ts';
import { MEDIA_CODECS } from './codecs.ts';
import { guarded } from './guard.ts';
import { bridgeLogs } from './log-bridge.ts';
import { asWatershedError } from './media-error.ts';
import { createEnd } from './node-pipe.ts';
import { Room } from './room.ts';
import { toWireRtpCapabilities } from './rtp.ts';
import type {
  MediaEngine,
  MediaEngineEvents,
  MediaOptions,
  MediaRoom,
  MediaRoomOptions,
  WorkerStatus,
} from './types.ts';
import { WorkerPool } from './worker-pool.ts';

/**
 * Starts the workers. Rejects, with nothing left running, when the options cannot work, the binary does not
 * run or a port is taken.
 */
export async function createMediaEngine(
  options: MediaOptions,
  deps: { logger?: Logger } = {},
): Promise<MediaEngine> {
  checkOptions(options);
  const logger = deps.logger ?? pino({ level: 'silent' });
  bridgeLogs(logger);
  const pool = await WorkerPool.start(options, logger);
  try {
    return new Engine(options, pool, await firstRouter(pool, options), logger);
  } catch (error) {
    await pool.close();
    throw error;
  }
}

class Engine extends EventEmitter<MediaEngineEvents> implements MediaEngine {
  readonly routerRtpCapabilities: WireRtpCapabilities;
  readonly #options: MediaOptions;
  readonly #pool: WorkerPool;
  readonly #logger: Logger;
  readonly #rooms = new Set<Room>();
  #closing: Promise<void> | undefined;

  constructor(options: MediaOptions, pool: WorkerPool, capabilities: WireRtpCapabilities, logger: Logger) {
    super();
    this.setMaxListeners(0);
    this.#options = options;
    this.#pool = pool;
    this.#logger = logger;
    this.routerRtpCapabilities = capabilities;
    pool.on('workerDied', (death) => guarded(logger, 'workerDied', () => this.emit('workerDied', death)));
    pool.on('workerStarted', (start) =>
      guarded(logger, 'workerStarted', () => this.emit('workerStarted', start)),
    );
  }

  workers(): readonly WorkerStatus[] {
    return this.#pool.status();
  }

  async openRoom(roomId: string, options: MediaRoomOptions): Promise<MediaRoom> {
    if (this.#closing) throw new WatershedError('worker_unavailable');
    const logger = this.#logger.child({ room: shortId(roomId, 8) });
    try {
      const room = await Room.open(roomId, options, this.#options, this.#pool, logger, (closed) =>
        this.#rooms.delete(closed),
      );
      this.#rooms.add(room);
      if (this.#closing) {
        room.close();
        throw new WatershedError('worker_unavailable');
      }
      return room;
    } catch (error) {
      throw asWatershedError(error);
    }
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      for (const room of [...this.#rooms]) room.close();
      await this.#pool.close();
    })();
    return this.#closing;
  }
}

/**
 * Every router of the node has the same capabilities; the first one made tells them, that workers answer, and that
 * pipes can end where they should.
 */
async function firstRouter(pool: WorkerPool, { pipes }: MediaOptions): Promise<WireRtpCapabilities> {
  const { worker } = await pool.take(performance.now());
  const router = await worker.createRouter({ mediaCodecs: [...MEDIA_CODECS] });
  try {
    if (pipes) await createEnd({ router }, pipes);
    return toWireRtpCapabilities(router.rtpCapabilities);
  } finally {
    router.close();
  }
}

function checkOptions(options: MediaOptions): void {
  const { workers, listen, basePort } = options;
  if (!Number.isInteger(workers) || workers < 1) throw new Error('media: at least one worker is needed');
  if (listen.length === 0) throw new Error('media: at least one address to listen on is needed');
  if (!options.enableUdp && !options.enableTcp) throw new Error('media: UDP or TCP must be enabled');
  if (basePort !== 0 && (basePort < 1 || basePort + workers - 1 > 65535)) {
    throw new Error('media: basePort plus the number of workers must be a port');
  }
  for (const { ip, announced } of listen) {
    if (isIP(ip) === 0) throw new Error('media: an address to listen on is not an IP address');
    if ((ip === '0.0.0.0' || ip === '::') && announced === undefined) {
      throw new Error('media: listening on all addresses needs an announced one, which clients are told');
    }
  }
}
