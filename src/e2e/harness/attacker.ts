import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { type Trust, verifyNodeCertificate } from '../../identity/certificate.ts';
import type { NodeIdentity } from '../../identity/identity.ts';
import { type RecordSealer, signedSealer } from '../../identity/sealer.ts';
import { type TestEnrolment, testIdentity } from '../../identity/testing/enrolled.ts';
import { createLinks } from '../../links/links.ts';
import type { Links } from '../../links/types.ts';
import type { NodeEntry, NodeRecord, NodeRef, Registry } from '../../registry/port.ts';
import { portOf } from '../../testing/free-port.ts';
import type { TestCloud } from './cloud.ts';

const quiet = { info: () => {}, warn: () => {}, error: () => {} };
const LEASE_MS = 60_000;
/** Of the start of his own node. */
const EPOCH = 5;

/**
 * Someone who can write anything to a cloud's registry, and has two nodes of his own at `sha` with good certificates:
 * one has a name of its own, the other that of the node of hkg. They say that they host whatever they are asked about.
 */
export class Attacker {
  /** Everything that any node ever said to his. */
  readonly told: string[] = [];
  /** Connections to where his forged records lead, which is no node. */
  connections = 0;
  readonly #cloud: TestCloud;
  readonly #registry: Registry;
  readonly #room: string;
  readonly #trust: Trust;
  readonly #sealer: RecordSealer;
  readonly #trap: Server;
  readonly #links: Links[] = [];
  #sequence = 0;

  private constructor(cloud: TestCloud, registry: Registry, room: string) {
    this.#cloud = cloud;
    this.#registry = registry;
    this.#room = room;
    const { cloud: name, datacenters } = cloud.policy.policy;
    this.#trust = { cloud: name, enrolmentKey: (site) => datacenters.get(site)?.key ?? null, now: Date.now };
    this.#sealer = signedSealer(this.#identity({ id: 'sha-9', datacenter: 'sha' }), this.#trust);
    this.#trap = createServer((socket) => {
      this.connections += 1;
      socket.destroy();
    });
  }

  /** `room`: the key of the one that he is after. */
  static async start(cloud: TestCloud, registry: Registry, room: string): Promise<Attacker> {
    const attacker = new Attacker(cloud, registry, room);
    attacker.#trap.listen(0, '127.0.0.1');
    await once(attacker.#trap, 'listening');
    for (const id of ['sha-9', 'hkg-1']) await attacker.#startNode(id);
    return attacker;
  }

  /** His nodes: `sha-9`, and the namesake of hkg's. */
  get nodes(): readonly Links[] {
    return this.#links;
  }

  get trapPort(): number {
    return portOf(this.#trap);
  }

  async write(node: NodeRef, body: string): Promise<void> {
    await this.#registry.announce({ ...node, load: 0, body }, LEASE_MS);
  }

  /** A record with a certificate by whichever key, which leads to where no node is. */
  forged(node: NodeRef, by: TestEnrolment): string {
    const record = { ...this.record(node, `127.0.0.1:${this.trapPort}`), epoch: Date.now() };
    return signedSealer(this.#identity(node, by), this.#trust).seal(record);
  }

  record(node: NodeRef, link: string): NodeRecord {
    const { policy, digest } = this.#cloud.policy;
    const url = policy.datacenters.get(node.datacenter)?.url ?? '';
    const status = { state: 'ready', load: 0, accepting: true, policy: digest, version: '0' } as const;
    return { ...node, ...status, url, link, epoch: EPOCH, sequence: 0, calls: [] };
  }

  /** What `sha-9` says of itself, as a node that lives does: its sequence grows. */
  ownRecord(): string {
    this.#sequence += 1;
    const record = this.record({ id: 'sha-9', datacenter: 'sha' }, this.#links[0]?.address ?? '');
    return this.#sealer.seal({ ...record, sequence: this.#sequence });
  }

  /** What the registry has of a place's nodes now. */
  entries(sites: readonly string[]): Promise<readonly NodeEntry[]> {
    return this.#registry.nodes(sites);
  }

  /** The true node of a place; throws where its record is not there, or not true. */
  async trueNode(site: string): Promise<NodeRecord & { link: string }> {
    const [found] = await this.#registry.find([{ id: `${site}-1`, datacenter: site }]);
    const opened = found && this.#sealer.open(found);
    if (!opened?.ok || opened.record.link === null) throw new Error(`no record of ${site}`);
    return { ...opened.record, link: opened.record.link };
  }

  /** Writes a node's part of the room, or takes it away. */
  async part(node: NodeRef, nodeEpoch: number | null = EPOCH): Promise<void> {
    const { id, datacenter } = node;
    const host = nodeEpoch === null ? null : { node: id, nodeEpoch, datacenter, homes: [], evidence: [] };
    await this.#registry.restateRoom(this.#room, { node, host, regions: null, seenEpoch: 0 });
  }

  /** What a node says when it meets the room: somebody of `cn` is with it. */
  introduction({ address }: Links): object {
    return {
      room: this.#room,
      link: address,
      places: { homes: ['cn'], evidence: ['cn'], moves: true, regions: null },
      members: [],
      waiting: [],
      shared: { version: 0, locked: false, keptOut: [], letIn: [], ended: false, remainingSeconds: null },
    };
  }

  async close(): Promise<void> {
    await Promise.all(this.#links.map((links) => links.close()));
    this.#trap.close();
  }

  async #startNode(id: string): Promise<void> {
    const identity = this.#identity({ id, datacenter: 'sha' });
    const links = await createLinks({
      certificate: identity.certificatePem,
      key: identity.privateKeyPem,
      trust: { verify: (der) => verifyNodeCertificate(der, this.#trust) },
      host: '127.0.0.1',
      port: 0,
      log: quiet,
    });
    this.#links.push(links);
    const keep = (data: unknown): void => void this.told.push(JSON.stringify(data));
    links.onRequest('node.announced', () => ({ epoch: EPOCH, sequence: this.#sequence }));
    links.onRequest('room.meet', (_from, data) => {
      keep(data);
      return { hosting: true, ...this.introduction(links) };
    });
    links.onNotice('room.update', (_from, data) => keep(data));
  }

  #identity(node: NodeRef, by = this.#cloud.enrolment(node.datacenter)): NodeIdentity {
    return testIdentity({ cloud: this.#trust.cloud, ...node }, by);
  }
}
