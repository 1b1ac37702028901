import type { LinkPeer } from '../../../links/types.ts';
import { allowedForLabel } from '../../../policy/allowed.ts';
import type { CompiledPolicy } from '../../../policy/compile.ts';
import { narrow } from '../../../policy/label.ts';
import type { Label } from '../../../policy/model.ts';
import { type NodeKey, nodeKey } from '../../../policy/node-key.ts';

/** A node, as what it says and hears is judged by. */
export interface Judge {
  readonly policy: CompiledPolicy;
  readonly room: { readonly regions: readonly string[] | null };
}

/** Words of ours in which somebody can be told of: everything of theirs has `pN` in it, as a word. */
const MARK = /\bp\d+\b/g;

/**
 * Everyone who ever was in the world, by what their labels truly are, whatever nodes say that they are. It reads what
 * passes between nodes: whoever is told of, in whatever message, may be known where it goes by the sender's policy.
 */
export class People {
  readonly leaks: string[] = [];
  readonly #labels = new Map<string, Label>();
  /** Where somebody is now: their own node may hear of them. */
  readonly #at = new Map<string, string>();
  readonly #told = new Set<string>();

  /** Somebody sits, or waits, at a datacenter, by this label from now on. */
  put(peerId: string, label: Label, datacenter: string): void {
    this.#labels.set(peerId, label);
    this.#at.set(peerId, datacenter);
  }

  /** Judges something that a node says to another. */
  said(from: LinkPeer, to: LinkPeer, data: unknown, { policy, room }: Judge): void {
    if (typeof data !== 'object' || data === null || data instanceof Promise) return;
    // Who is gone is told where they were known, and nowhere else.
    const { gone, ...rest } = { gone: undefined, ...data };
    for (const peerId of marks(gone)) {
      if (!this.#told.has(`${peerId} ${pair(from, to)}`))
        this.leaks.push(`${peerId} gone, to ${nodeKey(to)}`);
    }
    for (const peerId of marks(rest)) {
      if (this.#at.get(peerId) === to.datacenter) continue;
      this.#told.add(`${peerId} ${pair(from, to)}`);
      const label = this.#labels.get(peerId);
      if (!label || !allowedForLabel(policy, narrow(label, room.regions), to.datacenter)) {
        this.leaks.push(`${peerId}, by ${nodeKey(from)} to ${nodeKey(to)}: ${JSON.stringify(rest)}`);
      }
    }
  }
}

function marks(data: unknown): Set<string> {
  return new Set((JSON.stringify(data) ?? '').match(MARK) ?? []);
}

function pair(from: LinkPeer, to: LinkPeer): `${NodeKey} ${NodeKey}` {
  return `${nodeKey(from)} ${nodeKey(to)}`;
}
