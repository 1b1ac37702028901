import type { WaitingState } from '../cluster/federation/messages.ts';
import type { NodeKey } from '../policy/node-key.ts';
import { type Notification, notification } from './notification.ts';

/** Who waits for a host at other nodes of the room. */
export class RemoteWaiting {
  readonly #tellHosts: (message: Notification) => void;
  readonly #byNode = new Map<NodeKey, readonly WaitingState[]>();

  constructor(tellHosts: (message: Notification) => void) {
    this.#tellHosts = tellHosts;
  }

  list(): { peerId: string; displayName: string }[] {
    return [...this.#byNode.values()].flat().map(({ peerId, displayName }) => ({ peerId, displayName }));
  }

  /** Sessions of a participant that wait at other nodes, as those say. */
  sessionsOf(who: string): number {
    return [...this.#byNode.values()].flat().filter((entry) => entry.who === who).length;
  }

  nodeOf(peerId: string): NodeKey | undefined {
    for (const [node, waiting] of this.#byNode) {
      if (waiting.some((entry) => entry.peerId === peerId)) return node;
    }
    return undefined;
  }

  /** All who wait at a node now; hosts here are told the difference. */
  set(node: NodeKey, waiting: readonly WaitingState[]): void {
    const before = this.#byNode.get(node) ?? [];
    if (waiting.length === 0) this.#byNode.delete(node);
    else this.#byNode.set(node, waiting);
    for (const { peerId } of before) {
      if (!waiting.some((entry) => entry.peerId === peerId)) {
        this.#tellHosts(notification('peerWaitingGone', { peerId }));
      }
    }
    for (const { peerId, displayName } of waiting) {
      if (!before.some((entry) => entry.peerId === peerId)) {
        this.#tellHosts(notification('peerWaiting', { peerId, displayName }));
      }
    }
  }
}
