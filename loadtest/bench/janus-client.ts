import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import WebSocket from 'ws';
import { z } from 'zod';

const messageSchema = z.looseObject({
  janus: z.string(),
  transaction: z.string().optional(),
  data: z.looseObject({ id: z.number() }).optional(),
  plugindata: z.looseObject({ data: z.record(z.string(), z.unknown()) }).optional(),
  jsep: z.looseObject({ type: z.string(), sdp: z.string() }).optional(),
  error: z.looseObject({ reason: z.string() }).optional(),
});

type Message = z.infer<typeof messageSchema>;

/** What a plugin answered. */
export interface PluginAnswer {
  readonly data: Readonly<Record<string, unknown>>;
  readonly sdp: string | undefined;
}

const REQUEST_MS = 20_000;

/** Janus's API over its WebSocket transport: one session, as many handles as there are participants. */
export class JanusClient {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<string, (message: Message) => void>();
  #session = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('error', () => {});
    socket.on('message', (data) => {
      const message = messageSchema.parse(JSON.parse(data.toString()));
      // An acknowledgement comes before the answer, under the same transaction.
      if (message.janus !== 'ack') this.#waiting.get(message.transaction ?? '')?.(message);
    });
  }

  /** Tries until Janus listens. */
  static async connect(url: string, withinMs: number): Promise<JanusClient> {
    const end = performance.now() + withinMs;
    for (;;) {
      const socket = new WebSocket(url, 'janus-protocol');
      try {
        await once(socket, 'open');
        const client = new JanusClient(socket);
        client.#session = (await client.#request({ janus: 'create' })).data?.id ?? 0;
        return client;
      } catch (cause) {
        if (performance.now() > end) throw new Error('Janus does not answer', { cause });
        await delay(50);
      }
    }
  }

  /** A handle of the video room plugin. */
  async attach(): Promise<number> {
    const { data } = await this.#request({
      janus: 'attach',
      session_id: this.#session,
      plugin: 'janus.plugin.videoroom',
    });
    if (data === undefined) throw new Error('Janus gave no handle');
    return data.id;
  }

  /** Asks the plugin; throws what it refuses. */
  async ask(
    handle: number,
    body: object,
    jsep?: { type: 'offer' | 'answer'; sdp: string },
  ): Promise<PluginAnswer> {
    const message = await this.#request({
      janus: 'message',
      session_id: this.#session,
      handle_id: handle,
      body,
      ...(jsep === undefined ? {} : { jsep }),
    });
    const data = message.plugindata?.data ?? {};
    if (typeof data.error === 'string') throw new Error(`Janus: ${data.error}`);
    return { data, sdp: message.jsep?.sdp };
  }

  close(): void {
    this.#socket.terminate();
  }

  async #request(request: object): Promise<Message> {
    const transaction = randomUUID();
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('Janus did not answer in time')), REQUEST_MS);
      this.#waiting.set(transaction, (message) => {
        clearTimeout(late);
        this.#waiting.delete(transaction);
        if (message.janus === 'error') reject(new Error(`Janus: ${message.error?.reason ?? 'error'}`));
        else resolve(message);
      });
      this.#socket.send(JSON.stringify({ ...request, transaction }));
    });
  }
}
