import { randomBytes } from 'node:crypto';
import type { Link, Links, LinkTarget } from '../links/types.ts';
import type { PipeAnswer, PipeRequest, PipeSource } from '../media/types.ts';
import type { Label } from '../policy/model.ts';
import { nodeKey } from '../policy/node-key.ts';
import { WatershedError } from '../protocol/errors.ts';
import { judgePipe, type PipeJudgeDeps, withoutPolicy } from './pipe-judge.ts';
import {
  CLOSE,
  closedSchema,
  MAX_RENEWED,
  OPEN,
  openAnswerSchema,
  pipedKey,
  RENEW,
  type RenewMessage,
  renewAnswerSchema,
  WANTED,
} from './pipe-messages.ts';
import type { LabelOf, LeaseEnd, PipeLog, PipeTiming } from './pipe-types.ts';

/** The label may change while it is being agreed on; oftener than that, it is tried again later. */
const MAX_ROUNDS = 3;

interface Lease {
  readonly room: string;
  readonly producerId: string;
  readonly pipeId: string;
  readonly peerId: string;
  readonly nonce: string;
  /** What this node knows of the peer by other ways. */
  readonly known: LabelOf;
  readonly lost: () => void;
  /** By which this node has decided; null before it knows any. */
  label: Label | null;
  ip: string | undefined;
  farPolicy: string;
  /** When the request was sent whose answer said last that the sender has it. */
  confirmedAt: number;
  /** It was answered, and is used here. */
  held: boolean;
  wanted: number | null | undefined;
  readonly far: Far;
}

/** A node that this one is sent media by. */
interface Far {
  readonly target: LinkTarget;
  readonly leases: Map<string, Lease>;
  renewAt: number;
  renewing: boolean;
}

export interface PipeReceiverDeps extends PipeJudgeDeps {
  readonly links: Pick<Links, 'connect' | 'up'>;
  readonly now: () => number;
  readonly timing: PipeTiming;
  readonly log: PipeLog;
  readonly onEnd: (reason: LeaseEnd) => void;
}

/** The leases of what this node is sent by others. */
export class PipeReceiver {
  readonly #deps: PipeReceiverDeps;
  readonly #nodes = new Map<string, Far>();

  constructor(deps: PipeReceiverDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#all().length;
  }

  sourceFor(room: string, target: LinkTarget, label: LabelOf = () => undefined): PipeSource {
    return {
      node: nodeKey(target),
      open: (request, lost) => this.#open(room, target, label, request, lost),
      release: (piped) => {
        const lease = this.#nodes.get(nodeKey(target))?.leases.get(pipedKey(piped));
        if (lease?.room === room) this.#end(lease, 'released');
      },
      wanted: (producerId, layer) => this.#wanted(room, target, producerId, layer),
    };
  }

  /** Takes `pipe.closed`. */
  closed(link: Link, data: unknown): void {
    const named = closedSchema.parse(data);
    const lease = this.#nodes.get(nodeKey(link.peer))?.leases.get(pipedKey(named));
    if (lease?.nonce === named.nonce) this.#end(lease, 'ended');
  }

  /** Ends what is forbidden now, and what comes from these nodes, before it returns. */
  rejudge(disowned: ReadonlySet<string>): void {
    for (const lease of this.#all()) {
      if (disowned.has(nodeKey(lease.far.target))) this.#end(lease, 'refused');
      else this.#judgeAgain(lease);
    }
  }

  /** Ends what could not be renewed, and renews what is due. */
  tick(): void {
    const { now, timing } = this.#deps;
    for (const lease of this.#all()) {
      if (lease.held && now() - lease.confirmedAt > timing.lapseMs) this.#end(lease, 'lapsed');
    }
    for (const far of this.#nodes.values()) {
      if (!far.renewing && now() >= far.renewAt) void this.#renew(far);
    }
  }

  /** A link to the node is up (again): what it should know is said at once. */
  linked({ peer }: Link): void {
    const far = this.#nodes.get(nodeKey(peer));
    if (!far || far.renewing) return;
    void this.#renew(far);
  }

  /** Ends everything. */
  stop(): void {
    for (const lease of this.#all()) this.#end(lease, 'released');
  }

  async #open(
    room: string,
    target: LinkTarget,
    known: LabelOf,
    { pipeId, producerId, peerId, end }: PipeRequest,
    lost: () => void,
  ): Promise<PipeAnswer> {
    const far = this.#far(target);
    const lease: Lease = {
      room,
      pipeId,
      producerId,
      peerId,
      nonce: randomBytes(16).toString('base64url'),
      known,
      lost,
      label: known(peerId) ?? this.#learnt(far, room, peerId),
      ip: undefined,
      farPolicy: '',
      confirmedAt: this.#deps.now(),
      held: false,
      wanted: undefined,
      far,
    };
    far.leases.set(pipedKey(lease), lease);
    try {
      for (let round = 0; round < MAX_ROUNDS; round += 1) {
        const answer = await this.#ask(lease, end);
        if (answer) return answer;
      }
      throw new WatershedError('not_ready', 'the label of the peer keeps changing');
    } catch (error) {
      this.#end(lease, 'failed');
      throw error;
    }
  }

  /** One round: undefined when this node has to decide by another label first. */
  async #ask(lease: Lease, end: PipeRequest['end']): Promise<PipeAnswer | undefined> {
    const { far, room, pipeId, producerId, peerId, nonce, label } = lease;
    const policy = label === null ? this.#digest() : this.#judge(lease, label);
    const link = await this.#deps.links.connect(far.target);
    this.#assertStill(lease);
    const sentAt = this.#deps.now();
    const answer = openAnswerSchema.parse(
      await link.request(OPEN, { room, pipeId, producerId, peerId, nonce, label, policy, end }),
    );
    this.#assertStill(lease);
    lease.farPolicy = answer.policy;
    if (answer.status === 'label') {
      lease.label = answer.label;
      return undefined;
    }
    // Nothing is opened for a node that has not decided.
    if (label === null) throw new WatershedError('bad_message', 'opened without a label');
    lease.ip = answer.end.ip;
    // The policy may have been switched, and the sender's end is known only now.
    this.#judge(lease, label, true);
    lease.confirmedAt = sentAt;
    lease.held = true;
    far.renewAt = Math.min(far.renewAt, sentAt + this.#deps.timing.renewMs);
    const { rtpParameters, paused } = answer;
    return { end: answer.end, rtpParameters, paused };
  }

  #wanted(room: string, target: LinkTarget, producerId: string, layer: number | null): void {
    const far = this.#nodes.get(nodeKey(target));
    let leased = false;
    for (const lease of far?.leases.values() ?? []) {
      if (lease.room !== room || lease.producerId !== producerId) continue;
      lease.wanted = layer;
      leased = true;
    }
    // Where no link is up, the next renewal says it.
    if (far && leased) this.#linkTo(far)?.notice(WANTED, { room, producerId, layer });
  }

  async #renew(far: Far): Promise<void> {
    const { now, timing, log } = this.#deps;
    far.renewing = true;
    far.renewAt = now() + timing.renewMs;
    try {
      const held = [...far.leases.values()].filter((lease) => lease.held);
      for (let first = 0; first < held.length; first += MAX_RENEWED) {
        await this.#renewSome(far, held.slice(first, first + MAX_RENEWED));
      }
    } catch (error) {
      far.renewAt = now() + timing.retryMs;
      log.debug({ err: error, node: nodeKey(far.target) }, 'pipes could not be renewed');
    } finally {
      far.renewing = false;
    }
  }

  async #renewSome(far: Far, leases: readonly Lease[]): Promise<void> {
    const link = await this.#deps.links.connect(far.target);
    const sentAt = this.#deps.now();
    const message: RenewMessage = {
      policy: this.#deps.policy()?.digest ?? '',
      leases: leases.map(({ pipeId, producerId, nonce, wanted }) => ({ pipeId, producerId, nonce, wanted })),
    };
    const answer = renewAnswerSchema.parse(await link.request(RENEW, message));
    const gone = new Set(answer.gone.map(pipedKey));
    const labels = new Map(answer.changed.map((change) => [pipedKey(change), change.label]));
    for (const lease of leases) {
      const key = pipedKey(lease);
      if (far.leases.get(key) !== lease) continue;
      if (gone.has(key)) {
        this.#end(lease, 'ended');
        continue;
      }
      lease.confirmedAt = sentAt;
      lease.farPolicy = answer.policy;
      const label = labels.get(key);
      if (label !== undefined) {
        lease.label = label;
        this.#judgeAgain(lease);
      }
    }
  }

  /** Of the policy by which this node will decide. */
  #digest(): string {
    const p = this.#deps.current();
    if (p === null) throw withoutPolicy(this.#deps);
    return p.digest;
  }

  /** By the policy of now. What is refused is over when this returns. */
  #judgeAgain(lease: Lease): void {
    const label = this.#label(lease);
    if (label === null) return;
    try {
      this.#judge(lease, label, true);
      lease.label = label;
    } catch {
      this.#end(lease, 'refused');
    }
  }

  #judge({ room, far, ip, farPolicy, nonce }: Lease, label: Label, again = false): string {
    const { datacenter } = far.target;
    const node = nodeKey(far.target);
    return judgePipe(
      this.#deps,
      { direction: 'in', room, label, node, datacenter, farPolicy, nonce, ...(ip !== undefined && { ip }) },
      again,
    );
  }

  /** What is known of the peer now; what the sender said of it, where nothing is. */
  #label({ peerId, known, label }: Lease): Label | null {
    return known(peerId) ?? label;
  }

  /** What that node said of the same peer for another of its producers: it will say if it has changed. */
  #learnt({ leases }: Far, room: string, peerId: string): Label | null {
    for (const lease of leases.values()) {
      if (lease.room === room && lease.peerId === peerId && lease.label !== null) return lease.label;
    }
    return null;
  }

  #far(target: LinkTarget): Far {
    const key = nodeKey(target);
    let far = this.#nodes.get(key);
    if (!far) {
      far = {
        target,
        leases: new Map(),
        renewAt: this.#deps.now() + this.#deps.timing.renewMs,
        renewing: false,
      };
      this.#nodes.set(key, far);
    }
    return far;
  }

  #assertStill(lease: Lease): void {
    if (lease.far.leases.get(pipedKey(lease)) !== lease) throw new WatershedError('not_found');
  }

  /** Stops receiving, then says so. */
  #end(lease: Lease, reason: LeaseEnd): void {
    const { far, pipeId, producerId, nonce, held, lost } = lease;
    if (far.leases.get(pipedKey(lease)) !== lease) return;
    far.leases.delete(pipedKey(lease));
    if (far.leases.size === 0) this.#nodes.delete(nodeKey(far.target));
    this.#deps.onEnd(reason);
    if (held && reason !== 'released') {
      this.#deps.log.info({ node: nodeKey(far.target), reason }, 'pipe in is over');
      try {
        lost();
      } catch (error) {
        // Other leases are to end in their time, whatever this one's holder makes of it.
        this.#deps.log.warn({ err: error }, 'the end of a pipe could not be told');
      }
    }
    if (reason !== 'ended') this.#linkTo(far)?.notice(CLOSE, { pipeId, producerId, nonce });
  }

  #linkTo({ target }: Far): Link | undefined {
    return this.#deps.links.up().find(({ peer }) => nodeKey(peer) === nodeKey(target));
  }

  #all(): Lease[] {
    return [...this.#nodes.values()].flatMap(({ leases }) => [...leases.values()]);
  }
}
