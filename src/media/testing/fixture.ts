import type { Logger } from 'pino';
import { ensureWorker } from '../../../workers/ensure.ts';
import { waitFor } from '../../testing/wait.ts';
import { createMediaEngine } from '../engine.ts';
import type { MediaEngine, MediaGate, MediaLimits, MediaOptions } from '../types.ts';

export const LIMITS: MediaLimits = {
  producersPerPeer: 4,
  consumersPerPeer: 64,
  maxIncomingBitrate: 4_000_000,
  maxOutgoingBitrate: 10_000_000,
  initialOutgoingBitrate: 1_000_000,
  keyFrameInterval: 500,
  consumersPerWorker: 1000,
};

/** An engine on loopback with ports of the system's choice. */
export async function startEngine(
  change: Partial<Omit<MediaOptions, 'limits'>> & { limits?: Partial<MediaLimits> } = {},
  deps: { logger?: Logger } = {},
): Promise<MediaEngine> {
  const { path: workerBin } = await ensureWorker();
  return createMediaEngine(
    {
      workerBin,
      workers: 1,
      listen: [{ ip: '127.0.0.1' }],
      basePort: 0,
      enableTcp: false,
      enableUdp: true,
      ...change,
      limits: { ...LIMITS, ...change.limits },
    },
    deps,
  );
}

/** A gate that admits everything but what a test makes it refuse, and remembers what it was asked. */
export class TestGate implements MediaGate {
  readonly asked: string[] = [];
  readonly refuses = new Map<string, Error>();

  assertTransport(peerId: string): void {
    this.#judge(`transport ${peerId}`);
  }

  assertProduce(peerId: string): void {
    this.#judge(`produce ${peerId}`);
  }

  assertConsume(producerPeerId: string, consumerPeerId: string): void {
    this.#judge(`consume ${producerPeerId} ${consumerPeerId}`);
  }

  assertAddress(peerId: string, remoteAddress: string): void {
    this.#judge(`address ${peerId} ${remoteAddress}`);
  }

  assertPipe(peerId: string, datacenter: string): void {
    this.#judge(`pipe ${peerId} ${datacenter}`);
  }

  #judge(question: string): void {
    this.asked.push(question);
    const error = this.refuses.get(question);
    if (error) throw error;
  }
}

/** Polls until `check` holds; fails after `timeout` ms. */
export async function until(what: string, check: () => boolean, timeout = 15_000): Promise<void> {
  await waitFor(what, check, timeout, 20);
}
