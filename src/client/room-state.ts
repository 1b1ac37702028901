import type { EventData, EventName } from '../protocol/events.ts';
import type { Joined, PeerInfo, ProducerInfo, RoomInfo, Source } from '../protocol/state.ts';
import type { Role } from '../protocol/token.ts';
import type { Notifications } from './notifications.ts';

export type ChatMessage = EventData<'chat'>;
type PausedBy = EventData<'consumerPaused'>['by'];

/** What the server says of one consumer; its track is the media's, not the state's. */
export interface ConsumerView {
  readonly consumerId: string;
  readonly producerId: string;
  readonly peerId: string;
  readonly kind: 'audio' | 'video';
  readonly source: Source;
  /** Why nothing is sent at the moment; null while it flows. */
  readonly pausedBy: PausedBy | null;
  /** The layers being sent; null when unknown or none. */
  readonly layers: { readonly spatial: number; readonly temporal: number | null } | null;
}

/** Everything the server has said of the room, as one immutable value. */
export interface RoomState {
  readonly peerId: string;
  readonly displayName: string;
  readonly role: Role;
  readonly room: RoomInfo;
  /** Everyone else, by peer id, in order of joining. */
  readonly peers: ReadonlyMap<string, PeerInfo>;
  /** For hosts: who waits to be admitted, by peer id. */
  readonly waiting: ReadonlyMap<string, string>;
  readonly consumers: ReadonlyMap<string, ConsumerView>;
  readonly chat: readonly ChatMessage[];
  /** Who speaks loudest; null in silence. */
  readonly dominant: string | null;
  /** dBov (-127 to 0) of those who speak, by peer id. */
  readonly volumes: ReadonlyMap<string, number>;
}

/** Chat lines kept; older ones fall off. */
const CHAT_KEPT = 500;

/** The state as a join or a fresh resume gives it; what was said in the chat is kept across a rejoin. */
export function stateOfJoined(joined: Joined, chat: readonly ChatMessage[] = []): RoomState {
  return {
    peerId: joined.peerId,
    displayName: joined.displayName,
    role: joined.role,
    room: joined.room,
    peers: new Map(joined.peers.map((peer) => [peer.peerId, peer])),
    waiting: new Map(joined.waiting.map(({ peerId, displayName }) => [peerId, displayName])),
    consumers: new Map(),
    chat,
    dominant: null,
    volumes: new Map(),
  };
}

/** Notifications that change the state. */
type StateEvent = Extract<
  EventName,
  | 'peerJoined'
  | 'peerLeft'
  | 'roomUpdated'
  | 'peerWaiting'
  | 'peerWaitingGone'
  | 'producerAdded'
  | 'producerUpdated'
  | 'producerRemoved'
  | 'consumersCreated'
  | 'consumerClosed'
  | 'consumerPaused'
  | 'consumerResumed'
  | 'consumerLayers'
  | 'mediaReset'
  | 'speakers'
  | 'chat'
>;
type Reducers = { readonly [E in StateEvent]: (state: RoomState, data: EventData<E>) => RoomState };

/** The next state for each notification that changes it. Pure; an event about somebody unknown changes nothing. */
const REDUCERS: Reducers = {
  peerJoined: (state, { peer }) => ({ ...state, peers: set(state.peers, peer.peerId, peer) }),
  peerLeft: (state, { peerId }) => ({
    ...state,
    peers: without(state.peers, peerId),
    volumes: without(state.volumes, peerId),
    dominant: state.dominant === peerId ? null : state.dominant,
    consumers: new Map([...state.consumers].filter(([, consumer]) => consumer.peerId !== peerId)),
  }),
  roomUpdated: (state, { room }) => ({ ...state, room }),
  peerWaiting: (state, { peerId, displayName }) => ({
    ...state,
    waiting: set(state.waiting, peerId, displayName),
  }),
  peerWaitingGone: (state, { peerId }) => ({ ...state, waiting: without(state.waiting, peerId) }),

  producerAdded: (state, { peerId, producer }) =>
    withProducers(state, peerId, (producers) => [
      ...producers.filter(({ producerId }) => producerId !== producer.producerId),
      producer,
    ]),
  producerUpdated: (state, { peerId, producer }) =>
    withProducers(state, peerId, (producers) =>
      producers.map((other) => (other.producerId === producer.producerId ? producer : other)),
    ),
  producerRemoved: (state, { peerId, producerId }) =>
    withProducers(state, peerId, (producers) => producers.filter((other) => other.producerId !== producerId)),

  consumersCreated: (state, { consumers }) => ({
    ...state,
    consumers: new Map([
      ...state.consumers,
      ...consumers.map((consumer): [string, ConsumerView] => [
        consumer.consumerId,
        {
          consumerId: consumer.consumerId,
          producerId: consumer.producerId,
          peerId: consumer.peerId,
          kind: consumer.kind,
          source: consumer.source,
          pausedBy: consumer.producerPaused ? 'publisher' : null,
          layers: state.consumers.get(consumer.consumerId)?.layers ?? null,
        },
      ]),
    ]),
  }),
  consumerClosed: (state, { consumerId }) => ({ ...state, consumers: without(state.consumers, consumerId) }),
  consumerPaused: (state, { consumerId, by }) => withConsumer(state, consumerId, { pausedBy: by }),
  consumerResumed: (state, { consumerId }) => withConsumer(state, consumerId, { pausedBy: null }),
  consumerLayers: (state, { consumerId, spatialLayer, temporalLayer }) =>
    withConsumer(state, consumerId, {
      layers: spatialLayer === null ? null : { spatial: spatialLayer, temporal: temporalLayer },
    }),
  mediaReset: (state) => ({ ...state, consumers: new Map() }),

  speakers: (state, { dominant, volumes }) => ({
    ...state,
    dominant,
    volumes: new Map(volumes.map(({ peerId, volume }) => [peerId, volume])),
  }),
  chat: (state, message) =>
    state.chat.some(({ messageId }) => messageId === message.messageId)
      ? state
      : { ...state, chat: [...state.chat, message].slice(-CHAT_KEPT) },
};

/** Applies a socket's notifications to the state that `read` gives; before a join there is none to change. */
export function followRoom(
  events: Notifications,
  read: () => RoomState | null,
  write: (state: RoomState) => void,
): void {
  const follow = <E extends StateEvent>(event: E): void => {
    events.on(event, (data) => {
      const before = read();
      if (before === null) return;
      const after = REDUCERS[event](before, data);
      if (after !== before) write(after);
    });
  };
  for (const event of Object.keys(REDUCERS)) if (isStateEvent(event)) follow(event);
}

function isStateEvent(event: string): event is StateEvent {
  return Object.hasOwn(REDUCERS, event);
}

function set<T>(map: ReadonlyMap<string, T>, key: string, value: T): ReadonlyMap<string, T> {
  return new Map([...map, [key, value]]);
}

function without<T>(map: ReadonlyMap<string, T>, key: string): ReadonlyMap<string, T> {
  if (!map.has(key)) return map;
  const copy = new Map(map);
  copy.delete(key);
  return copy;
}

function withProducers(
  state: RoomState,
  peerId: string,
  change: (producers: readonly ProducerInfo[]) => ProducerInfo[],
): RoomState {
  const peer = state.peers.get(peerId);
  if (peer === undefined) return state;
  return { ...state, peers: set(state.peers, peerId, { ...peer, producers: change(peer.producers) }) };
}

function withConsumer(state: RoomState, consumerId: string, change: Partial<ConsumerView>): RoomState {
  const consumer = state.consumers.get(consumerId);
  if (consumer === undefined) return state;
  return { ...state, consumers: set(state.consumers, consumerId, { ...consumer, ...change }) };
}
