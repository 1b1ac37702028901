import type { Link, Links } from '../links/types.ts';
import type { PipeOut } from '../media/types.ts';
import type { Label } from '../policy/model.ts';
import { nodeKey } from '../policy/node-key.ts';
import { WatershedError } from '../protocol/errors.ts';
import { judgePipe, type PipeJudgeDeps } from './pipe-judge.ts';
import {
  CLOSED,
  closeSchema,
  type OpenAnswer,
  type OpenMessage,
  openSchema,
  pipedKey,
  type RenewAnswer,
  renewSchema,
  wantedSchema,
} from './pipe-messages.ts';
import type { LabelOf, LeaseEnd, PipedRoom, PipeLog, PipeTiming } from './pipe-types.ts';
import { sameLabel } from './same-label.ts';

interface Served {
  readonly media: PipedRoom;
  readonly label: LabelOf;
  readonly onUnpiped: (out: PipeOut) => void;
}

interface Lease {
  readonly room: string;
  /** Its `nodeKey`. */
  readonly node: string;
  readonly datacenter: string;
  readonly pipeId: string;
  readonly producerId: string;
  readonly peerId: string;
  readonly ip: string;
  readonly nonce: string;
  /** By which both sides decided when it was opened. */
  opened: Label;
  farPolicy: string;
  renewedAt: number;
  wanted: number | null | undefined;
}

export interface PipeSenderDeps extends PipeJudgeDeps {
  readonly links: Pick<Links, 'up'>;
  readonly now: () => number;
  readonly timing: PipeTiming;
  readonly log: PipeLog;
  readonly onEnd: (reason: LeaseEnd) => void;
}

/** The leases of what this node sends to others. */
export class PipeSender {
  readonly #deps: PipeSenderDeps;
  readonly #rooms = new Map<string, Served>();
  /** By node, then by producer in a pipe. */
  readonly #leases = new Map<string, Map<string, Lease>>();

  constructor(deps: PipeSenderDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#all().length;
  }

  attach(room: string, media: PipedRoom, label: LabelOf): () => void {
    const served: Served = {
      media,
      label,
      onUnpiped: (out) => {
        const lease = this.#leases.get(out.node)?.get(pipedKey(out));
        if (lease?.room === room) this.#end(lease, 'ended');
      },
    };
    if (this.#rooms.has(room)) throw new Error('pipes: the room is attached already');
    this.#rooms.set(room, served);
    media.on('unpiped', served.onUnpiped);
    return () => {
      if (this.#rooms.get(room) !== served) return;
      for (const lease of this.#all()) if (lease.room === room) this.#end(lease, 'ended');
      media.off('unpiped', served.onUnpiped);
      this.#rooms.delete(room);
    };
  }

  /**
   * Answers `pipe.open`: decides by this node's policy and the link's certificate, then, where the receiver has
   * decided by the same label, pipes.
   */
  async open(link: Link, data: unknown): Promise<OpenAnswer> {
    const message = openSchema.parse(data);
    const { room, pipeId, producerId, peerId, nonce, end } = message;
    const served = this.#rooms.get(room);
    // Only what a peer of this node publishes is ever sent on: media describes nothing else.
    if (served?.media.describe(producerId)?.peerId !== peerId) throw new WatershedError('not_found');
    const { datacenter } = link.peer;
    const node = nodeKey(link.peer);
    const label = served.label(peerId);
    const question = { room, node, datacenter, ip: end.ip, farPolicy: message.policy, nonce };
    const policy = judgePipe(this.#deps, { ...question, direction: 'out', label });
    if (label === undefined) throw new WatershedError('not_found');
    if (message.label === null || !sameLabel(message.label, label)) return { status: 'label', policy, label };
    const lease = this.#lease(message, { node, datacenter }, label);
    try {
      const answer = await served.media.pipe({ node, datacenter }, { pipeId, producerId, peerId, end });
      if (this.#leases.get(node)?.get(pipedKey(lease)) !== lease) {
        // Judged, released or lapsed in the meantime.
        served.media.unpipe({ node }, lease);
        throw new WatershedError('not_found');
      }
      this.#judgeAgain(lease);
      return { status: 'open', policy, ...answer };
    } catch (error) {
      // Also where it was held before: what flowed by it is not to go on without it.
      if (this.#forget(lease, 'failed')) served.media.unpipe({ node }, lease);
      throw error;
    }
  }

  /** Answers `pipe.renew`. */
  renew(link: Link, data: unknown): RenewAnswer {
    const { policy, leases } = renewSchema.parse(data);
    const gone: RenewAnswer['gone'] = [];
    const changed: RenewAnswer['changed'] = [];
    for (const { pipeId, producerId, nonce, wanted } of leases) {
      const lease = this.#of(link, { pipeId, producerId, nonce });
      if (lease === undefined) {
        gone.push({ pipeId, producerId });
        continue;
      }
      lease.farPolicy = policy;
      let label: Label;
      try {
        label = this.#judgeAgain(lease);
      } catch {
        gone.push({ pipeId, producerId });
        continue;
      }
      // At each renewal, since an answer may be lost.
      if (!sameLabel(lease.opened, label)) changed.push({ pipeId, producerId, label });
      lease.renewedAt = this.#deps.now();
      if (wanted !== undefined && wanted !== lease.wanted) this.#want(lease, wanted);
    }
    return { policy: this.#deps.policy()?.digest ?? '', gone, changed };
  }

  /** Takes `pipe.close`. */
  close(link: Link, data: unknown): void {
    const lease = this.#of(link, closeSchema.parse(data));
    if (lease) this.#end(lease, 'released');
  }

  /** Takes `pipe.wanted`. */
  wanted(link: Link, data: unknown): void {
    const { room, producerId, layer } = wantedSchema.parse(data);
    for (const lease of this.#leases.get(nodeKey(link.peer))?.values() ?? []) {
      if (lease.room === room && lease.producerId === producerId) this.#want(lease, layer);
    }
  }

  /** Ends what is forbidden now, and what goes to these nodes, before it returns. */
  rejudge(disowned: ReadonlySet<string>): void {
    for (const lease of this.#all()) {
      if (disowned.has(lease.node)) {
        this.#end(lease, 'refused');
        continue;
      }
      try {
        this.#judgeAgain(lease);
      } catch {
        // It is over, and on record.
      }
    }
  }

  /** Ends what was not renewed. */
  tick(): void {
    const { now, timing } = this.#deps;
    for (const lease of this.#all()) {
      if (now() - lease.renewedAt > timing.lapseMs) this.#end(lease, 'lapsed');
    }
  }

  /** Ends everything. */
  stop(): void {
    for (const lease of this.#all()) this.#end(lease, 'ended');
  }

  /** The lease that the request names, new or the one it had before. */
  #lease(
    { room, pipeId, producerId, peerId, nonce, policy, end }: OpenMessage,
    { node, datacenter }: { node: string; datacenter: string },
    label: Label,
  ): Lease {
    let ofNode = this.#leases.get(node);
    if (!ofNode) {
      ofNode = new Map();
      this.#leases.set(node, ofNode);
    }
    const key = pipedKey({ pipeId, producerId });
    const known = ofNode.get(key);
    const renewedAt = this.#deps.now();
    if (known) {
      if (known.nonce !== nonce || known.room !== room) {
        throw new WatershedError('bad_request', 'the pipe is leased already');
      }
      known.opened = label;
      known.renewedAt = renewedAt;
      return known;
    }
    const lease: Lease = {
      room,
      node,
      datacenter,
      pipeId,
      producerId,
      peerId,
      ip: end.ip,
      nonce,
      opened: label,
      farPolicy: policy,
      renewedAt,
      wanted: undefined,
    };
    ofNode.set(key, lease);
    return lease;
  }

  /** The lease, if it is that node's, and the caller knows its nonce. */
  #of(link: Link, named: { pipeId: string; producerId: string; nonce: string }): Lease | undefined {
    const lease = this.#leases.get(nodeKey(link.peer))?.get(pipedKey(named));
    return lease?.nonce === named.nonce ? lease : undefined;
  }

  /** By the label and the policy of now; answers that label. What is refused is over when this throws. */
  #judgeAgain(lease: Lease): Label {
    const label = this.#rooms.get(lease.room)?.label(lease.peerId);
    try {
      judgePipe(this.#deps, { ...lease, direction: 'out', label }, true);
      if (label === undefined) throw new WatershedError('not_found');
      return label;
    } catch (error) {
      this.#end(lease, 'refused');
      throw error;
    }
  }

  #want(lease: Lease, layer: number | null): void {
    lease.wanted = layer;
    this.#rooms.get(lease.room)?.media.setRemoteWanted(lease.node, lease.producerId, layer);
  }

  /** Stops sending, then says so. */
  #end(lease: Lease, reason: LeaseEnd): void {
    if (!this.#forget(lease, reason)) return;
    this.#rooms.get(lease.room)?.media.unpipe(lease, lease);
    if (reason === 'released') return;
    const { node, pipeId, producerId, nonce } = lease;
    this.#deps.log.info({ node, reason }, 'pipe out is over');
    const link = this.#deps.links.up().find(({ peer }) => nodeKey(peer) === node);
    link?.notice(CLOSED, { pipeId, producerId, nonce });
  }

  #forget(lease: Lease, reason: LeaseEnd): boolean {
    const ofNode = this.#leases.get(lease.node);
    const key = pipedKey(lease);
    if (ofNode?.get(key) !== lease) return false;
    ofNode.delete(key);
    if (ofNode.size === 0) this.#leases.delete(lease.node);
    this.#deps.onEnd(reason);
    return true;
  }

  #all(): Lease[] {
    return [...this.#leases.values()].flatMap((ofNode) => [...ofNode.values()]);
  }
}
