import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import type { AdmittedSession } from '../../cluster/types.ts';
import type { MediaEngine } from '../../media/types.ts';
import type { Label } from '../../policy/model.ts';
import type { JoinClaims } from '../../protocol/token.ts';
import { DEFAULT_ROOM_LIMITS, type RoomLimits } from '../../rooms/limits.ts';
import { admitted, FakeAdmission } from '../../rooms/testing/fake-admission.ts';
import { FakeClock } from '../../rooms/testing/fake-clock.ts';
import { FakeEngine } from '../../rooms/testing/fake-media.ts';
import { silentLog } from '../../rooms/testing/silent-log.ts';
import { DEFAULT_SIGNALING_LIMITS, type SignalingLimits } from '../limits.ts';
import type { SignalingMetrics } from '../metrics.ts';
import { createSessionHost, type Sessions } from '../session-host.ts';
import { TestClient } from './test-client.ts';

export interface HostFixtureOptions {
  readonly limits?: Partial<SignalingLimits>;
  readonly roomLimits?: Partial<RoomLimits>;
  /** Media of another kind than the fake one, which is there all the same. */
  readonly realEngine?: MediaEngine;
}

type Entry =
  | { admitted: AdmittedSession }
  | { resumeToken: string; address: string; label: Label | undefined };

/** A session host behind real sockets, with a fake engine, a fake door and a clock that stands still. */
export class HostFixture {
  readonly engine = new FakeEngine();
  readonly admission = new FakeAdmission();
  readonly clock = new FakeClock();
  readonly host: Sessions;
  /** Ends of connections and results of requests, as metrics would count them. */
  readonly ends: string[] = [];
  readonly results: string[] = [];
  readonly #http: Server;
  readonly #clients = new Set<TestClient>();
  #port = 0;
  /** What each expected upgrade is let through with, by its path. */
  readonly #entries = new Map<string, Entry>();
  #nextEntry = 1;

  constructor({ limits = {}, roomLimits = {}, realEngine }: HostFixtureOptions = {}) {
    const metrics: SignalingMetrics = {
      request: (method, result) => this.results.push(`${method} ${result}`),
      connectionEnded: (end) => this.ends.push(end),
      resumed: (result) => this.results.push(`resumed ${result}`),
    };
    const all = { ...DEFAULT_SIGNALING_LIMITS, ...limits };
    this.host = createSessionHost({
      engine: realEngine ?? this.engine,
      admission: this.admission,
      node: { id: 'node-1', datacenter: 'sjc', region: 'us' },
      policyDigest: () => 'sha256:test',
      limits: all,
      roomLimits: { ...DEFAULT_ROOM_LIMITS, ...roomLimits },
      mediaLimits: { producersPerPeer: 8, consumersPerPeer: 500 },
      log: silentLog,
      metrics,
      clock: this.clock,
    });
    const sockets = new WebSocketServer({ noServer: true, maxPayload: all.maxMessageBytes });
    this.#http = createServer();
    this.#http.on('upgrade', (request, socket, head) => {
      const entry = this.#entries.get(request.url ?? '');
      if (entry === undefined) throw new Error('nobody is expected');
      sockets.handleUpgrade(request, socket, head, (webSocket) => {
        if ('admitted' in entry) {
          this.host.accept(webSocket, entry.admitted);
          return;
        }
        const found = this.host.findResumable(entry.resumeToken);
        const session = found ?? admitted();
        const { address, label = session.label } = entry;
        this.host.acceptResumed(webSocket, entry.resumeToken, { ...session, address, label });
      });
    });
  }

  async start(): Promise<this> {
    this.#http.listen(0, '127.0.0.1');
    await once(this.#http, 'listening');
    const address: AddressInfo | string | null = this.#http.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    this.#port = address.port;
    return this;
  }

  async #open(entry: Entry): Promise<TestClient> {
    const path = `/${this.#nextEntry++}`;
    this.#entries.set(path, entry);
    const client = new TestClient(`ws://127.0.0.1:${this.#port}${path}`);
    this.#clients.add(client);
    await client.opened;
    this.#entries.delete(path);
    return client;
  }

  /** A connection that the door let through, as a new session. */
  connect(claims: Partial<JoinClaims> = {}): Promise<TestClient> {
    return this.#open({ admitted: admitted(claims) });
  }

  /** A connection that the door let through with a resume token, having judged the label. */
  connectToResume(resumeToken: string, address = '192.0.2.2', label?: Label): Promise<TestClient> {
    return this.#open({ resumeToken, address, label });
  }

  /** A connection that has joined. */
  async join(claims: Partial<JoinClaims> = {}): Promise<TestClient> {
    const client = await this.connect(claims);
    client.joined = await client.request('join', { rtpCapabilities: { codecs: [] } });
    return client;
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.cut();
    this.host.close();
    await this.engine.close();
    this.#http.closeAllConnections();
    await new Promise((resolve) => this.#http.close(resolve));
  }
}
