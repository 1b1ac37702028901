import type { MediaGate } from '../media/types.ts';
import { WatershedError } from '../protocol/errors.ts';

/**
 * The gate as a room hands it to media: what it forbids of a peer's own (a transport, a producer) also ends
 * that peer's stay, since a peer that may not be served here may not sit here either. `forbid` is called after
 * the gate has thrown its way out of media's call, never inside it.
 */
export function guardedGate(gate: MediaGate, forbid: (peerId: string, error: unknown) => void): MediaGate {
  const guarded = (peerId: string, check: () => void): void => {
    try {
      check();
    } catch (error) {
      // What may pass by itself (the node has no policy for a moment) only fails this request.
      const passing = error instanceof WatershedError && error.retry;
      if (!passing) queueMicrotask(() => forbid(peerId, error));
      throw error;
    }
  };
  return {
    assertTransport: (peerId) => guarded(peerId, () => gate.assertTransport(peerId)),
    assertProduce: (peerId) => guarded(peerId, () => gate.assertProduce(peerId)),
    // Whose label was at fault is not known here; the leg is not made, and the peer itself is judged by the others.
    assertConsume: (producerPeerId, consumerPeerId) => gate.assertConsume(producerPeerId, consumerPeerId),
    // That its media may not go there does not forbid it to be here.
    assertPipe: (producerPeerId, datacenter) => gate.assertPipe(producerPeerId, datacenter),
    // Media announces this one itself (`forbidden`), with the peer's transports closed.
    assertAddress: (peerId, remoteAddress) => gate.assertAddress(peerId, remoteAddress),
  };
}
