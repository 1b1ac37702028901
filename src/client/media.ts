import type { Device } from 'mediasoup-client';
import type { ConnectionState } from 'mediasoup-client/types';
import { z } from 'zod';
import type { TransportInfo } from '../protocol/rtp.ts';
import { Emitter } from './emitter.ts';
import type { Link } from './link.ts';
import { clientError, type Problem } from './problem.ts';
import { Publications } from './publications.ts';
import type { Signaling } from './signaling.ts';
import { Subscriptions } from './subscriptions.ts';
import { TransportLeg } from './transport-leg.ts';

type Direction = 'send' | 'receive';

/** The figures that grow while the far end answers: media bytes, and answered ICE checks. */
const aliveSchema = z.object({
  bytesReceived: z.number().optional(),
  responsesReceived: z.number().optional(),
});

/**
 * The media of one participant: two transports, what it sends and what it gets. What is published survives a
 * new transport and a new session; what is received is announced again by the node.
 */
export class Media extends Emitter<{
  /** State of a direction's connection. */
  state: [Direction, ConnectionState];
  /** Nothing that can be done within this session helps. */
  failed: [Problem];
  interrupted: [];
}> {
  readonly publications: Publications;
  readonly subscriptions: Subscriptions;
  #session: { link: Link; legs: { [D in Direction]: TransportLeg } } | null = null;
  #aliveCount = 0;

  /** @param startPaused whether consumers stay paused until the application resumes them */
  constructor(startPaused: boolean) {
    super();
    const link: Link = {
      request: (method, data, options) =>
        this.#session === null
          ? Promise.reject(clientError('not_connected'))
          : this.#session.link.request(method, data, options),
    };
    this.publications = new Publications(link);
    this.subscriptions = new Subscriptions(link, startPaused);
  }

  /** Begins with a new session: nothing of an earlier one is left but what is published. */
  begin(device: Device, link: Link, restartsIce: boolean): void {
    this.end();
    const send = new TransportLeg('send', device, link, restartsIce);
    const receive = new TransportLeg('receive', device, link, restartsIce);
    send.on('opened', (transport) => this.publications.attach(device, transport));
    receive.on('opened', (transport) => this.subscriptions.attach(transport));
    for (const [direction, leg] of [
      ['send', send],
      ['receive', receive],
    ] as const) {
      leg.on('state', (state) => this.emit('state', direction, state));
      leg.on('interrupted', () => this.emit('interrupted'));
      leg.on('failed', (problem) => this.emit('failed', problem));
    }
    this.#session = { link, legs: { send, receive } };
  }

  /** A transport that the node made on request. */
  adopt(direction: Direction, info: TransportInfo): void {
    this.#session?.legs[direction].adopt(info);
  }

  /** Asks for the transports that are missing. */
  open(): void {
    for (const leg of this.#legs()) if (leg.transport === null) leg.replace();
  }

  /** Takes part in a socket's notifications. */
  listen(events: Signaling['events']): void {
    events.on('consumersCreated', ({ consumers }) => this.subscriptions.onCreated(consumers));
    events.on('consumerClosed', ({ consumerId }) => this.subscriptions.onClosed(consumerId));
    events.on('muted', ({ producerId }) => this.publications.onMuted(producerId));
    events.on('producerClosed', ({ producerId, code, message, retry }) =>
      this.publications.onClosed(producerId, { code, message, retry }),
    );
    events.on('wantedLayers', ({ producerId, spatialLayer }) =>
      this.publications.onWantedLayers(producerId, spatialLayer),
    );
    events.on('transportClosed', ({ transportId }) => {
      for (const leg of this.#legs()) if (leg.transport?.id === transportId) leg.replace();
    });
    events.on('mediaReset', () => {
      this.subscriptions.reset();
      this.publications.detach();
      for (const leg of this.#legs()) leg.replace();
    });
  }

  /**
   * After a resume, perhaps from another network: new ICE credentials, unless media kept coming all the while,
   * and what had to wait for a socket.
   */
  async resumed(): Promise<void> {
    this.publications.retry();
    const alive = await this.alive();
    for (const leg of this.#legs()) {
      if (leg.transport === null) leg.replace();
      else if (!alive || leg.state !== 'connected') leg.restartIce();
    }
  }

  /** Whether anything came from the node since this was asked last: what a lost socket alone cannot tell. */
  async alive(): Promise<boolean> {
    let count = 0;
    for (const leg of this.#legs()) {
      const report = await leg.transport?.getStats().catch(() => undefined);
      report?.forEach((entry: unknown) => {
        const parsed = aliveSchema.safeParse(entry);
        if (parsed.success) count += (parsed.data.bytesReceived ?? 0) + (parsed.data.responsesReceived ?? 0);
      });
    }
    const grown = count > this.#aliveCount;
    this.#aliveCount = count;
    return grown;
  }

  /** The session is over: transports and consumers go, what is published waits for the next one. */
  end(): void {
    const session = this.#session;
    this.#session = null;
    this.#aliveCount = 0;
    this.publications.detach();
    this.subscriptions.reset();
    if (session === null) return;
    session.legs.send.close();
    session.legs.receive.close();
  }

  /** Ends everything, and stops the published tracks. */
  close(): void {
    this.end();
    this.publications.close();
    this.subscriptions.close();
  }

  #legs(): TransportLeg[] {
    return this.#session === null ? [] : [this.#session.legs.send, this.#session.legs.receive];
  }
}
