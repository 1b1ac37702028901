import { Device } from 'mediasoup-client';
import type { HandlerFactory } from 'mediasoup-client/types';
import WebSocket from 'ws';
import { MAX_MESSAGE_BYTES, SUBPROTOCOL } from '../protocol/frames.ts';
import type { ClientEnvironment, ClientSocket, SocketEvents } from './environment.ts';

/** Most bytes read of an HTTP answer to an upgrade; a list of datacenters fits many times over. */
const ANSWER_BYTES = 256 * 1024;

/** What a Node program decides. */
export interface NodeEnvironmentOptions {
  /** WebRTC for mediasoup-client; without one the client can talk, but has no media (`device_unsupported`). */
  readonly handlerFactory?: HandlerFactory;
  /** Whether that WebRTC can restart ICE. Default false. */
  readonly restartsIce?: boolean;
  /** PEM of certificate authorities to trust beside the system's, for the WebSocket. */
  readonly ca?: string;
  /** Local address to connect from. */
  readonly localAddress?: string;
}

/** The client's environment in Node: `ws` with an Authorization header, which sees refusals before 101. */
export function nodeEnvironment(options: NodeEnvironmentOptions = {}): ClientEnvironment {
  return {
    openSocket: (url, bearer, events) => openNodeSocket(url, bearer, events, options),
    fetch: (input, init) => globalThis.fetch(input, init),
    restartsIce: options.restartsIce ?? false,
    createDevice: () =>
      options.handlerFactory === undefined
        ? Promise.reject(new Error('no handlerFactory was given'))
        : Device.factory({ handlerFactory: options.handlerFactory }),
  };
}

function openNodeSocket(
  url: string,
  bearer: string,
  events: SocketEvents,
  options: NodeEnvironmentOptions,
): ClientSocket {
  let done = false;
  const end = (code: number, reason: string): void => {
    if (done) return;
    done = true;
    events.closed({ code, reason });
  };
  let socket: WebSocket;
  try {
    socket = new WebSocket(url, SUBPROTOCOL, {
      headers: { authorization: `Bearer ${bearer}` },
      perMessageDeflate: false,
      maxPayload: MAX_MESSAGE_BYTES * 16,
      ...(options.ca === undefined ? {} : { ca: options.ca }),
      ...(options.localAddress === undefined ? {} : { localAddress: options.localAddress }),
    });
  } catch (error) {
    setImmediate(() => end(1006, error instanceof Error ? error.message : 'the URL cannot be used'));
    return { send: () => undefined, close: () => end(1006, 'closed') };
  }
  let failure = '';
  socket.on('open', () => events.open());
  socket.on('message', (data, binary) => {
    if (!done) events.message(binary ? '' : data.toString());
  });
  socket.on('error', (error) => {
    failure = error.message;
  });
  socket.on('close', (code, reason) => end(code, reason.length > 0 ? reason.toString() : failure));
  socket.on('unexpected-response', (request, response) => {
    const chunks: Buffer[] = [];
    let length = 0;
    response.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > ANSWER_BYTES) response.destroy();
      else chunks.push(chunk);
    });
    response.on('error', () => undefined);
    response.on('close', () => {
      request.destroy();
      if (done) return;
      done = true;
      events.refused({ status: response.statusCode ?? 0, body: parseJson(Buffer.concat(chunks).toString()) });
    });
  });
  return {
    send: (text) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(text, () => undefined);
    },
    close: (code) => {
      if (socket.readyState === WebSocket.CONNECTING) socket.terminate();
      else if (socket.readyState === WebSocket.OPEN) socket.close(code);
      setImmediate(() => end(code, 'closed here'));
    },
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
