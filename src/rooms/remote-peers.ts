import type { MemberState } from '../cluster/federation/messages.ts';
import type { RemoteNode } from '../cluster/federation/types.ts';
import { sameLabel } from '../cluster/same-label.ts';
import type { PipeSource, RemoteProducer, RemotePublication } from '../media/types.ts';
import type { Label } from '../policy/model.ts';
import { type NodeKey, nodeKey } from '../policy/node-key.ts';
import type { LeaveReason } from '../protocol/events.ts';
import type { PeerInfo, ProducerInfo } from '../protocol/state.ts';
import { type Notification, notification } from './notification.ts';

/** What the members at other nodes need of the room here. */
export interface RemotePeersHost {
  /** To every member here. */
  tell(message: Notification): void;
  /** Offers a producer of another node to the members here. Never throws. */
  addRemote(producer: RemoteProducer, source: PipeSource): RemotePublication;
  source(node: RemoteNode): PipeSource;
  /** The label of a peer has changed: its legs here are judged again. */
  rejudge(peerId: string): void;
}

interface Entry {
  readonly node: RemoteNode;
  member: MemberState;
  readonly publications: Map<string, RemotePublication>;
}

/** The members of a room who sit at other nodes, as this node may know of them. */
export class RemotePeers {
  readonly #host: RemotePeersHost;
  readonly #entries = new Map<string, Entry>();

  constructor(host: RemotePeersHost) {
    this.#host = host;
  }

  get size(): number {
    return this.#entries.size;
  }

  label(peerId: string): Label | undefined {
    return this.#entries.get(peerId)?.member.label;
  }

  /** The node where a peer sits; undefined for one who is not at another node. */
  nodeOf(peerId: string): NodeKey | undefined {
    const entry = this.#entries.get(peerId);
    return entry === undefined ? undefined : nodeKey(entry.node);
  }

  /** Sessions of a participant at other nodes, as those say. */
  sessionsOf(who: string): number {
    return [...this.#entries.values()].filter(({ member }) => member.who === who).length;
  }

  infos(): PeerInfo[] {
    return [...this.#entries.values()].map(infoOf);
  }

  /** A member came or changed: the members here are told what is new. One of another node's is left as it is. */
  upsert(node: RemoteNode, member: MemberState): void {
    const entry = this.#entries.get(member.peerId);
    if (entry === undefined) {
      const fresh: Entry = { node, member, publications: new Map() };
      this.#entries.set(member.peerId, fresh);
      this.#host.tell(notification('peerJoined', { peer: infoOf(fresh) }));
      for (const producer of member.producers) this.#publish(fresh, producer);
      return;
    }
    if (nodeKey(entry.node) !== nodeKey(node)) return;
    const before = new Map(entry.member.producers.map((producer) => [producer.producerId, producer]));
    const relabelled = !sameLabel(entry.member.label, member.label);
    entry.member = member;
    if (relabelled) this.#host.rejudge(member.peerId);
    const named = new Set(member.producers.map(({ producerId }) => producerId));
    for (const producerId of before.keys()) if (!named.has(producerId)) this.#unpublish(entry, producerId);
    for (const producer of member.producers) {
      const earlier = before.get(producer.producerId);
      if (earlier === undefined) {
        this.#host.tell(
          notification('producerAdded', { peerId: member.peerId, producer: producerInfo(producer) }),
        );
        this.#publish(entry, producer);
      } else {
        entry.publications.get(producer.producerId)?.update(producer);
        if (earlier.paused !== producer.paused) {
          const told = { peerId: member.peerId, producer: producerInfo(producer) };
          this.#host.tell(notification('producerUpdated', told));
        }
      }
    }
  }

  /** A member left, or may not be known here any more: its media goes first. */
  gone(node: RemoteNode, peerId: string, reason: LeaveReason): void {
    const entry = this.#at(node, peerId);
    if (entry === undefined) return;
    this.#entries.delete(peerId);
    for (const publication of entry.publications.values()) publication.close();
    this.#host.tell(notification('peerLeft', { peerId, reason }));
  }

  chat(node: RemoteNode, peerId: string, chat: { messageId: string; at: number; text: string }): void {
    const entry = this.#at(node, peerId);
    if (entry === undefined) return;
    const { displayName } = entry.member;
    this.#host.tell(notification('chat', { ...chat, peerId, displayName }));
  }

  /** Ends all media of theirs, without a word: the room is over here. */
  close(): void {
    for (const { publications } of this.#entries.values()) {
      for (const publication of publications.values()) publication.close();
    }
    this.#entries.clear();
  }

  /** A peer as its own node speaks of it: another that says its id speaks of nobody. */
  #at(node: RemoteNode, peerId: string): Entry | undefined {
    const entry = this.#entries.get(peerId);
    return entry !== undefined && nodeKey(entry.node) === nodeKey(node) ? entry : undefined;
  }

  #publish({ node, publications }: Entry, producer: RemoteProducer): void {
    // Named twice in one word of its node.
    if (publications.has(producer.producerId)) return;
    publications.set(producer.producerId, this.#host.addRemote(producer, this.#host.source(node)));
  }

  #unpublish({ member, publications }: Entry, producerId: string): void {
    publications.get(producerId)?.close();
    publications.delete(producerId);
    this.#host.tell(notification('producerRemoved', { peerId: member.peerId, producerId }));
  }
}

function producerInfo({ producerId, kind, source, paused }: RemoteProducer): ProducerInfo {
  return { producerId, kind, source, paused };
}

function infoOf({ node, member }: Entry): PeerInfo {
  const { peerId, displayName, role, producers } = member;
  const { datacenter, region } = node;
  return { peerId, displayName, role, datacenter, region, producers: producers.map(producerInfo) };
}
