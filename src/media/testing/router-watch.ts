import { observer, type types } from 'mediasoup';

/** A producer that some router has had: nothing is forwarded that did not come in by one. */
export interface SeenProducer {
  /** A pipe keeps the id that the producer had where it came from. */
  readonly id: string;
  readonly on: SeenTransport;
  /** RTP packets that its worker counted, as far as it was asked. */
  packets: number;
}

export interface SeenTransport {
  readonly via: types.TransportType;
  /** Addresses that ICE selected. */
  readonly remotes: Set<string>;
  /** Bytes of RTP that came in, as far as its worker was asked; RTCP of those who receive is not among them. */
  rtpBytes: number;
}

type Counting = types.WebRtcTransport | types.PipeTransport;

interface Place {
  readonly producers: { readonly producer: types.Producer; readonly seen: SeenProducer }[];
  readonly transports: { readonly transport: types.Transport; readonly seen: SeenTransport }[];
}

/** How often workers are asked for their counts, in ms. */
const SAMPLE_MS = 50;

/**
 * Sees what enters the routers of each place, by mediasoup's own events and its workers' own counts, and not by our
 * books. Everything that is made is seen; counts are read while it lives.
 */
export class RouterWatch {
  readonly #places = new Map<string, Place>();
  readonly #timer: NodeJS.Timeout;
  #here = '';
  readonly #onWorker = (worker: types.Worker): void => {
    const place = this.#place(this.#here);
    worker.observer.on('newrouter', (router) => {
      router.observer.on('newtransport', (transport) => watch(place, transport));
    });
  };

  constructor() {
    observer.on('newworker', this.#onWorker);
    this.#timer = setInterval(() => void this.sample(), SAMPLE_MS);
  }

  /** Where the workers stand that start from now on. */
  stands(place: string): void {
    this.#here = place;
  }

  producers(place: string): SeenProducer[] {
    return this.#place(place).producers.map(({ seen }) => seen);
  }

  transports(place: string): SeenTransport[] {
    return this.#place(place).transports.map(({ seen }) => seen);
  }

  /** Every producer that somebody at an address of its own ever made, at whatever place. */
  producersOf(address: string): SeenProducer[] {
    return [...this.#places.keys()]
      .flatMap((place) => this.producers(place))
      .filter(({ on }) => on.remotes.has(address));
  }

  /** Asks every worker for its counts. */
  async sample(): Promise<void> {
    const all = [...this.#places.values()];
    await Promise.all([
      ...all.flatMap(({ producers }) => producers.map(countPackets)),
      ...all.flatMap(({ transports }) => transports.map(countBytes)),
    ]);
  }

  close(): void {
    clearInterval(this.#timer);
    observer.off('newworker', this.#onWorker);
  }

  #place(name: string): Place {
    let place = this.#places.get(name);
    if (place === undefined) {
      place = { producers: [], transports: [] };
      this.#places.set(name, place);
    }
    return place;
  }
}

function watch(place: Place, transport: types.Transport): void {
  const via = transport.type;
  const seen: SeenTransport = { via, remotes: new Set(), rtpBytes: 0 };
  place.transports.push({ transport, seen });
  if (isWebRtc(transport)) {
    transport.on('iceselectedtuplechange', ({ remoteIp }) => {
      if (remoteIp !== undefined) seen.remotes.add(remoteIp);
    });
  }
  transport.observer.on('newproducer', (producer) => {
    place.producers.push({ producer, seen: { id: producer.id, on: seen, packets: 0 } });
  });
}

async function countPackets({ producer, seen }: Place['producers'][number]): Promise<void> {
  if (producer.closed) return;
  const stats = await producer.getStats().catch(() => []);
  const packets = stats.reduce((sum, { packetCount }) => sum + packetCount, 0);
  seen.packets = Math.max(seen.packets, packets);
}

async function countBytes({ transport, seen }: Place['transports'][number]): Promise<void> {
  if (transport.closed || !isCounting(transport)) return;
  const stats = await transport.getStats().catch(() => []);
  for (const { rtpBytesReceived } of stats) seen.rtpBytes = Math.max(seen.rtpBytes, rtpBytesReceived);
}

function isWebRtc(transport: types.Transport): transport is types.WebRtcTransport {
  return transport.type === 'webrtc';
}

function isCounting(transport: types.Transport): transport is Counting {
  return transport.type === 'webrtc' || transport.type === 'pipe';
}
