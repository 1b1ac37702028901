import { Device } from 'mediasoup-client';
import { BEARER_PREFIX, SUBPROTOCOL } from '../protocol/frames.ts';
import type { ClientEnvironment, ClientSocket, SocketEvents } from './environment.ts';

/** The client's environment in a browser. The token travels as a second subprotocol, never in the URL. */
export function browserEnvironment(): ClientEnvironment {
  return {
    openSocket: openBrowserSocket,
    fetch: (input, init) => globalThis.fetch(input, init),
    restartsIce: true,
    createDevice: () => Device.factory(),
  };
}

function openBrowserSocket(url: string, bearer: string, events: SocketEvents): ClientSocket {
  let done = false;
  const end = (code: number, reason: string): void => {
    if (done) return;
    done = true;
    events.closed({ code, reason });
  };
  let socket: WebSocket;
  try {
    socket = new WebSocket(url, [SUBPROTOCOL, BEARER_PREFIX + bearer]);
  } catch {
    // A malformed URL, or a token with characters that no subprotocol may have.
    setTimeout(() => end(1006, 'the URL or the token cannot be used'), 0);
    return { send: () => undefined, close: () => end(1006, 'closed') };
  }
  socket.onopen = () => events.open();
  socket.onmessage = (message) => {
    if (!done) events.message(typeof message.data === 'string' ? message.data : '');
  };
  socket.onclose = (event) => end(event.code, event.reason);
  return {
    send: (text) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(text);
    },
    close: (code) => {
      // Browsers take only 1000 and the application range.
      if (socket.readyState === WebSocket.CONNECTING || socket.readyState === WebSocket.OPEN) {
        socket.close(code === 1000 || (code >= 3000 && code <= 4999) ? code : undefined);
      }
      // Its own `close` event may take a minute when the network is gone; the owner has let go already.
      setTimeout(() => end(code, 'closed here'), 0);
    },
  };
}
