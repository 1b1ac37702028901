import type { Device } from 'mediasoup-client';

/** What a socket tells its owner. After `closed` or `refused` nothing more is told. */
export interface SocketEvents {
  open(): void;
  message(text: string): void;
  closed(end: { code: number; reason: string }): void;
  /** The upgrade was answered with an ordinary HTTP response. Browsers cannot see it and say `closed` (1006). */
  refused(answer: { status: number; body: unknown }): void;
}

/** One WebSocket, as far as the client needs it. */
export interface ClientSocket {
  send(text: string): void;
  /** Idempotent; ends an upgrade under way too. */
  close(code: number): void;
}

/** What differs between a browser and Node. */
export interface ClientEnvironment {
  /** Opens `url` with subprotocol watershed.v1 and the bearer token (join or resume token). Never throws. */
  openSocket(url: string, bearer: string, events: SocketEvents): ClientSocket;
  readonly fetch: typeof globalThis.fetch;
  /** Whether its WebRTC can restart ICE; else a transport that is broken is replaced. */
  readonly restartsIce: boolean;
  /** A mediasoup-client device, not loaded. Throws where WebRTC is not supported. */
  createDevice(): Promise<Device>;
}
