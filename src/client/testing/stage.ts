import { expect } from 'vitest';
import { syntheticHandlerFactory } from '../../../loadtest/participant/handler.ts';
import { WatershedClient } from '../client.ts';
import type { ClientOptions, ClientStatus } from '../client-types.ts';
import { nodeEnvironment } from '../node.ts';
import type { Problem } from '../problem.ts';
import { CLOUD, type CloudKeys, cloudKeys } from './cloud-keys.ts';
import { type Line, type Script, type ScriptedNode, startScriptedNode, welcomeOf } from './scripted-node.ts';

/** A client, and everything that it said of itself, in order. */
export interface Watched {
  readonly client: WatershedClient;
  readonly statuses: ClientStatus[];
  readonly problems: string[];
  readonly closed: (Problem | null)[];
}

/** Scripted nodes and clients of one test file, all ended by `clear`. */
export class Stage {
  readonly cloud: Promise<CloudKeys> = cloudKeys();
  readonly #nodes: ScriptedNode[] = [];
  readonly #clients: WatershedClient[] = [];

  async node(
    onLine: (line: Line) => void,
    { codecs, ...script }: Script & { codecs?: readonly object[] } = {},
  ): Promise<ScriptedNode> {
    const { datacenter = 'fra' } = script;
    return this.#start({
      ...script,
      datacenter,
      open: (line) => {
        if (script.open === undefined) line.notify('welcome', welcomeOf(datacenter, 'eu', codecs));
        else script.open(line);
        onLine(line);
      },
    });
  }

  /** A front door whose directory lists the cloud's nodes given; `onAsked` is told before each answer. */
  async frontDoor(nodes: readonly ScriptedNode[], onAsked?: () => void): Promise<ScriptedNode> {
    const { keys, sign } = await this.cloud;
    const primaries = nodes.map(({ entry }) => entry);
    return this.#start({
      http: async (path) => {
        onAsked?.();
        if (path === '/v1/keys') return { status: 200, body: { cloud: CLOUD, keys } };
        return { status: 200, body: await sign({ primaries }) };
      },
    });
  }

  async #start(script: Script): Promise<ScriptedNode> {
    const node = await startScriptedNode(script);
    this.#nodes.push(node);
    return node;
  }

  watch(options: ClientOptions = {}): Watched {
    const environment = nodeEnvironment({ handlerFactory: syntheticHandlerFactory() });
    const client = new WatershedClient(environment, { attemptTimeout: 700, ...options });
    this.#clients.push(client);
    const watched: Watched = { client, statuses: [], problems: [], closed: [] };
    client.on('status', (status) => watched.statuses.push(status));
    client.on('problem', ({ code }) => watched.problems.push(code));
    client.on('closed', (problem) => watched.closed.push(problem));
    return watched;
  }

  async token(claims?: Parameters<CloudKeys['token']>[0]): Promise<string> {
    return (await this.cloud).token(claims);
  }

  async joinDirectly(at: ScriptedNode, options: ClientOptions = {}): Promise<Watched> {
    const watched = this.watch(options);
    const outcome = await watched.client.connect({
      token: await this.token(),
      frontDoors: [],
      direct: at.url,
    });
    expect(outcome).toEqual({ ok: true, value: 'joined' });
    return watched;
  }

  async clear(): Promise<void> {
    await Promise.all(this.#clients.splice(0).map((client) => client.leave()));
    await Promise.all(this.#nodes.splice(0).map((node) => node.close()));
  }
}

/** Data of `peerJoined`. */
export const peerJoined = (peerId: string): object => ({
  peer: { peerId, displayName: peerId, role: 'participant', datacenter: 'fra', region: 'eu', producers: [] },
});

/** Ids of the others in the room, as the client has them. */
export const others = ({ client }: Watched): string[] => [...(client.room?.peers.keys() ?? [])];
