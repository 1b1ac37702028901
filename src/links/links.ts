import { createServer, type Server } from 'node:https';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { WebSocketServer } from 'ws';
import { type NodeKey, nodeKey } from '../policy/node-key.ts';
import { Channel, type ChannelHandlers, MAX_LINK_MESSAGE_BYTES } from './channel.ts';
import { dial, LINK_PATH, peerCertificate } from './dial.ts';
import { DOORWAY_LIMITS, Doorway } from './doorway.ts';
import type { Link, LinkPeer, Links, LinksOptions, LinkTarget, LinkTiming } from './types.ts';

const TIMING: LinkTiming = { connectMs: 3000, pingMs: 2000, silenceMs: 7000, rejudgeMs: 30_000 };

/** Listens for other nodes. Rejects when the address cannot be listened on. */
export async function createLinks(options: LinksOptions): Promise<Links> {
  const links = new NodeLinks(options);
  await links.listen();
  return links;
}

class NodeLinks implements Links {
  readonly #options: LinksOptions;
  readonly #timing: LinkTiming;
  readonly #server: Server;
  readonly #sockets: WebSocketServer;
  readonly #doorway: Doorway;
  readonly #channels = new Set<Channel>();
  readonly #dialling = new Map<NodeKey, Promise<Link>>();
  readonly #requests = new Map<string, (from: Link, data: unknown) => unknown>();
  readonly #notices = new Map<string, (from: Link, data: unknown) => void>();
  readonly #listeners: ((link: Link, state: 'up' | 'down') => void)[] = [];
  #address = '';
  #rejudging: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: LinksOptions) {
    this.#options = options;
    this.#timing = { ...TIMING, ...options.timing };
    const { certificate, key } = options;
    this.#server = createServer({
      cert: certificate,
      key,
      minVersion: 'TLSv1.3',
      requestCert: true,
      // Judged by the policy's enrolment keys instead of by an authority.
      rejectUnauthorized: false,
      handshakeTimeout: this.#timing.connectMs,
      headersTimeout: this.#timing.connectMs,
      requestTimeout: this.#timing.connectMs,
      maxHeaderSize: 4096,
    });
    this.#doorway = new Doorway(this.#timing.connectMs, options.waiting ?? DOORWAY_LIMITS, options.log);
    this.#server.on('connection', (socket: Socket) => this.#doorway.came(socket));
    this.#sockets = new WebSocketServer({
      noServer: true,
      perMessageDeflate: false,
      maxPayload: MAX_LINK_MESSAGE_BYTES,
    });
    this.#server.on('request', (_request, response) => response.writeHead(404).end());
    this.#server.on('upgrade', (request, socket, head) => {
      socket.on('error', () => {});
      const judged = socket instanceof TLSSocket && request.url === LINK_PATH ? this.#judge(socket) : null;
      if (judged === null || this.#closing !== undefined) {
        socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n');
        return;
      }
      this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
        this.#doorway.passed(request.socket);
        this.#add(new Channel(webSocket, judged.peer, judged.certificate, this.#handlers));
      });
    });
  }

  async listen(): Promise<void> {
    const { host, port, announced } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject);
        // One caller that could not be taken is no end of the node.
        this.#server.on('error', (error) =>
          this.#options.log.error({ err: error }, 'link: the listener failed'),
        );
        resolve();
      });
    });
    const bound = this.#server.address();
    const listening = typeof bound === 'object' && bound !== null ? bound.port : port;
    this.#rejudging = setInterval(() => this.rejudge(), this.#timing.rejudgeMs);
    this.#rejudging.unref();
    this.#address = announced ?? `${host.includes(':') ? `[${host}]` : host}:${listening}`;
  }

  get address(): string {
    return this.#address;
  }

  up(): readonly Link[] {
    return [...this.#channels];
  }

  onRequest(name: string, handler: (from: Link, data: unknown) => unknown): void {
    if (this.#requests.has(name)) throw new Error(`links: a second handler for ${name}`);
    this.#requests.set(name, handler);
  }

  onNotice(name: string, handler: (from: Link, data: unknown) => void): void {
    if (this.#notices.has(name)) throw new Error(`links: a second handler for ${name}`);
    this.#notices.set(name, handler);
  }

  onChange(listener: (link: Link, state: 'up' | 'down') => void): void {
    this.#listeners.push(listener);
  }

  connect(target: LinkTarget): Promise<Link> {
    const node = nodeKey(target);
    for (const channel of this.#channels) {
      if (nodeKey(channel.peer) === node) return Promise.resolve(channel);
    }
    let dialling = this.#dialling.get(node);
    if (dialling === undefined) {
      dialling = this.#dial(target).finally(() => this.#dialling.delete(node));
      this.#dialling.set(node, dialling);
    }
    return dialling;
  }

  rejudge(): readonly LinkPeer[] {
    return [...this.#channels].flatMap((channel) => {
      const judged = this.#options.trust.verify(channel.certificate);
      if (judged.ok) return [];
      channel.close(`its certificate: ${judged.reason}`);
      return [channel.peer];
    });
  }

  close(): Promise<void> {
    clearInterval(this.#rejudging);
    this.#closing ??= new Promise((resolve) => {
      for (const channel of [...this.#channels]) channel.close('this node ends');
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
      this.#doorway.close();
      // Upgraded sockets are not the server's any more: they end with their channels, at the latest in a second.
    });
    return this.#closing;
  }

  async #dial(target: LinkTarget): Promise<Link> {
    const { socket, peer, certificate } = await dial(target, this.#options, this.#timing.connectMs);
    const channel = new Channel(socket, peer, certificate, this.#handlers);
    if (this.#closing === undefined) this.#add(channel);
    else channel.close('this node ends');
    return channel;
  }

  #judge(socket: TLSSocket): { peer: LinkPeer; certificate: Uint8Array } | null {
    const certificate = peerCertificate(socket);
    const judged = certificate === null ? null : this.#options.trust.verify(certificate);
    if (certificate === null || judged === null || !judged.ok) {
      const reason = judged?.ok === false ? judged.reason : 'it has no certificate';
      this.#options.log.warn({ reason }, 'link: a caller is no node of this cloud');
      return null;
    }
    return { peer: { id: judged.id, datacenter: judged.datacenter }, certificate };
  }

  #add(channel: Channel): void {
    this.#channels.add(channel);
    const { id, datacenter } = channel.peer;
    this.#options.log.info({ node: id, datacenter }, 'link up');
    this.#tell(channel, 'up');
  }

  #tell(link: Link, state: 'up' | 'down'): void {
    for (const listener of this.#listeners) {
      try {
        listener(link, state);
      } catch (error) {
        this.#options.log.error({ err: error }, 'link: a listener failed');
      }
    }
  }

  get #handlers(): ChannelHandlers {
    return {
      requests: this.#requests,
      notices: this.#notices,
      log: this.#options.log,
      timing: this.#timing,
      onClosed: (channel, reason) => {
        if (!this.#channels.delete(channel)) return;
        this.#options.log.info(
          { node: channel.peer.id, datacenter: channel.peer.datacenter, reason },
          'link down',
        );
        this.#tell(channel, 'down');
      },
    };
  }
}
