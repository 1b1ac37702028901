import type { RemoteProducer } from '../../media/types.ts';

/** A camera of Chen's at another node. */
export function remoteProducer(producerId: string, over: Partial<RemoteProducer> = {}): RemoteProducer {
  return {
    producerId,
    peerId: 'chen',
    kind: 'video',
    source: 'camera',
    paused: false,
    pausedBy: null,
    topLayer: 2,
    type: 'simulcast',
    router: 'router-1',
    ...over,
  };
}
