import { publish, unpublish } from '../rooms/peer-media.ts';
import { DONE, type HandlersOf } from './handler.ts';

/** Characters of JSON in one answer to `getStats`, below the frame's limit of 64 KiB. */
const STATS_CHARACTERS = 48 * 1024;

/** As many of the reports as one frame holds. */
function fitting(stats: readonly Record<string, unknown>[]): Record<string, unknown>[] {
  let left = STATS_CHARACTERS;
  return stats.filter((report) => {
    left -= JSON.stringify(report).length;
    return left >= 0;
  });
}

/** Transports, producers and consumers of the asking peer. */
export const mediaHandlers: HandlersOf<
  | 'createTransport'
  | 'connectTransport'
  | 'restartIce'
  | 'produce'
  | 'pauseProducer'
  | 'resumeProducer'
  | 'closeProducer'
  | 'resumeConsumers'
  | 'pauseConsumers'
  | 'setConsumerLayers'
  | 'setConsumerPriority'
  | 'requestKeyFrame'
  | 'getStats'
> = {
  async createTransport({ session }, { direction }) {
    return { data: await session.seat.peer.media.createTransport(direction) };
  },
  async connectTransport({ session }, { transportId, dtlsParameters }) {
    await session.seat.peer.media.connectTransport(transportId, dtlsParameters);
    return DONE;
  },
  async restartIce({ session }, { transportId }) {
    return { data: { iceParameters: await session.seat.peer.media.restartIce(transportId) } };
  },
  async produce({ session }, options) {
    const { room, peer } = session.seat;
    const { producerId } = await publish(room, peer, options);
    return { data: { producerId } };
  },
  async pauseProducer({ session }, { producerId }) {
    await session.seat.peer.media.pauseProducer(producerId, 'publisher');
    return DONE;
  },
  async resumeProducer({ session }, { producerId }) {
    await session.seat.peer.media.resumeProducer(producerId);
    return DONE;
  },
  closeProducer({ session }, { producerId }) {
    const { room, peer } = session.seat;
    unpublish(room, peer, producerId);
    return DONE;
  },
  async resumeConsumers({ session }, { consumerIds }) {
    await session.seat.peer.media.resumeConsumers(consumerIds);
    return DONE;
  },
  async pauseConsumers({ session }, { consumerIds }) {
    await session.seat.peer.media.pauseConsumers(consumerIds);
    return DONE;
  },
  async setConsumerLayers({ session }, { consumerId, spatialLayer, temporalLayer }) {
    await session.seat.peer.media.setConsumerLayers(consumerId, spatialLayer, temporalLayer);
    return DONE;
  },
  async setConsumerPriority({ session }, { consumerId, priority }) {
    await session.seat.peer.media.setConsumerPriority(consumerId, priority);
    return DONE;
  },
  async requestKeyFrame({ session }, { consumerId }) {
    await session.seat.peer.media.requestKeyFrame(consumerId);
    return DONE;
  },
  async getStats({ session }) {
    return { data: { stats: fitting(await session.stats()) } };
  },
};
