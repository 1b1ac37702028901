import type { MediaPeer, ProduceOptions } from '../media/types.ts';
import { WatershedError } from '../protocol/errors.ts';
import { type ConsumerInfo, kindOfSource, type ProducerInfo } from '../protocol/state.ts';
import { type Notification, notification } from './notification.ts';
import type { Peer } from './peer.ts';

/** What the media side of a peer needs of the room around it. */
export interface MediaAudience {
  /** To everyone else in the room that may be given what this peer originates. */
  fromPeer(origin: Peer, notification: Notification): void;
  /** The peer's media was forbidden, and is closed. */
  forbidden(peer: Peer, error: unknown): void;
}

/** Characters of JSON in one `consumersCreated`, well below the frame's limit of 64 KiB. */
const CONSUMERS_BATCH_CHARACTERS = 32 * 1024;

/** `consumersCreated` for these consumers, in as many notifications as frames need. */
export function consumersCreated(consumers: readonly ConsumerInfo[]): Notification[] {
  const batches: ConsumerInfo[][] = [];
  let room = 0;
  for (const consumer of consumers) {
    const size = JSON.stringify(consumer).length;
    if (batches.length === 0 || size > room) {
      batches.push([]);
      room = CONSUMERS_BATCH_CHARACTERS;
    }
    batches.at(-1)?.push(consumer);
    room -= size;
  }
  return batches.map((batch) => notification('consumersCreated', { consumers: batch }));
}

function withdraw(room: MediaAudience, peer: Peer, producerId: string): void {
  peer.notices.forget(producerId);
  if (!peer.announced.delete(producerId)) return;
  room.fromPeer(peer, notification('producerRemoved', { peerId: peer.id, producerId }));
}

/** Passes what happens to a peer's media on, to the peer itself or to the others; until the peer is unseated. */
export function wireMedia(room: MediaAudience, peer: Peer, media: MediaPeer): void {
  /** Nothing is told of media that is being closed because the peer is gone. */
  const whileSeated =
    <T extends unknown[]>(tell: (...data: T) => void) =>
    (...data: T): void => {
      if (peer.seated) tell(...data);
    };
  const own = (message: Notification): void => peer.outlet.notify(message);

  media.on(
    'consumersCreated',
    whileSeated((consumers: ConsumerInfo[]) => {
      for (const batch of consumersCreated(consumers)) own(batch);
    }),
  );
  media.on(
    'consumerClosed',
    whileSeated((data) => own(notification('consumerClosed', data))),
  );
  media.on(
    'consumerPaused',
    whileSeated((data) => own(notification('consumerPaused', data))),
  );
  media.on(
    'consumerResumed',
    whileSeated((data) => own(notification('consumerResumed', data))),
  );
  media.on(
    'consumerLayers',
    whileSeated((data) => own(notification('consumerLayers', data))),
  );
  media.on(
    'wantedLayers',
    whileSeated((data) => own(peer.notices.wantedLayers(data))),
  );
  media.on(
    'transportClosed',
    whileSeated((data) => own(notification('transportClosed', data))),
  );
  media.on(
    'producerUpdated',
    whileSeated((producer: ProducerInfo) => {
      if (!producer.paused) peer.notices.unmuted(producer.producerId);
      if (!peer.announced.has(producer.producerId)) return;
      room.fromPeer(peer, notification('producerUpdated', { peerId: peer.id, producer }));
    }),
  );
  media.on(
    'producerClosed',
    whileSeated(({ producerId, error }) => {
      withdraw(room, peer, producerId);
      if (error !== null) own(peer.notices.closed({ producerId, ...error.toWire() }));
    }),
  );
  media.on(
    'reset',
    whileSeated((data) => {
      for (const producerId of [...peer.announced]) withdraw(room, peer, producerId);
      own(notification('mediaReset', data));
    }),
  );
  media.on(
    'forbidden',
    whileSeated(({ error }) => room.forbidden(peer, error)),
  );
}

/** Publishes: makes the producer and tells the others of it. `unsupported_media` when kind and source differ. */
export async function publish(
  room: MediaAudience,
  peer: Peer,
  options: ProduceOptions,
): Promise<ProducerInfo> {
  if (kindOfSource(options.source) !== options.kind) {
    throw new WatershedError('unsupported_media', `${options.source} is ${kindOfSource(options.source)}`);
  }
  const media = peer.media;
  const producer = await media.produce(options);
  // The peer may have left, or its worker died, while the producer was made: then there is nothing to tell of.
  const current = media.producers().find(({ producerId }) => producerId === producer.producerId);
  if (peer.seated && current !== undefined) {
    peer.announced.add(current.producerId);
    room.fromPeer(peer, notification('producerAdded', { peerId: peer.id, producer: current }));
  }
  return producer;
}

/** Stops publishing; `not_found` for what is not this peer's. */
export function unpublish(room: MediaAudience, peer: Peer, producerId: string): void {
  peer.media.closeProducer(producerId);
  withdraw(room, peer, producerId);
}
