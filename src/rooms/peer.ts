import { randomBytes } from 'node:crypto';
import { mergeLabels } from '../cluster/merge-labels.ts';
import { sameLabel } from '../cluster/same-label.ts';
import type { AdmittedSession } from '../cluster/types.ts';
import type { MediaPeer } from '../media/types.ts';
import type { Label } from '../policy/model.ts';
import { WatershedError } from '../protocol/errors.ts';
import type { WireRtpCapabilities } from '../protocol/rtp.ts';
import type { Joined, PeerInfo } from '../protocol/state.ts';
import type { JoinClaims, Role } from '../protocol/token.ts';
import { displayNameOf } from './display-name.ts';
import type { Ending } from './ending.ts';
import { hashOf } from './identities.ts';
import type { Notification } from './notification.ts';
import type { NodeIdentity } from './ports.ts';
import { ProducerNotices } from './producer-notices.ts';

/** The state of a room as one member may see it; its session adds the resume token. */
export type RoomSnapshot = Omit<Joined, 'resumeToken' | 'resumeWindow'>;

/** The way to the participant behind a peer; a session, across its connections. */
export interface PeerOutlet {
  /** False once the session is over: a join that is still being made for it comes to nothing. */
  readonly open: boolean;
  /** Queues a notification; in order, never blocking. */
  notify(notification: Notification): void;
  /** One who waited is a member now; called before anything else that a member is told. */
  letIn(snapshot: RoomSnapshot): void;
  /** The peer is out of the room, its media is closed: say the last word and close. */
  ended(ending: Ending): void;
}

/** What a newcomer brings to `join`. */
export interface Newcomer {
  readonly admitted: AdmittedSession;
  /** What it calls itself; a name in its token counts before this. */
  readonly displayName: string | undefined;
  readonly rtpCapabilities: WireRtpCapabilities;
  readonly outlet: PeerOutlet;
}

/** Who the participant is to the issuer, else which token it came with. */
export function identityOf({ iss, sub, jti }: JoinClaims): string {
  return JSON.stringify(sub === undefined ? ['jti', iss, jti] : ['sub', iss, sub]);
}

/** A member of a room, or one who waits to be. */
export class Peer {
  /** Random, 96 bits: says nothing of the participant. */
  readonly id: string;
  readonly displayName: string;
  readonly outlet: PeerOutlet;
  readonly rtpCapabilities: WireRtpCapabilities;
  /** Producers that the others were told of. */
  readonly announced = new Set<string>();
  readonly notices = new ProducerNotices();
  /** A host let this one in who waited: a lock does not hold it off. */
  admittedByHost = false;
  readonly #identities = new Set<string>();
  #admitted: AdmittedSession;
  #role: Role;
  #relabelled = false;
  #media: MediaPeer | null = null;

  constructor(newcomer: Newcomer) {
    this.id = randomBytes(12).toString('base64url');
    this.displayName = displayNameOf(newcomer.admitted.claims.name ?? newcomer.displayName);
    this.outlet = newcomer.outlet;
    this.rtpCapabilities = newcomer.rtpCapabilities;
    this.#admitted = newcomer.admitted;
    this.#role = newcomer.admitted.claims.role;
    this.#identities.add(this.identity);
  }

  get admitted(): AdmittedSession {
    return this.#admitted;
  }

  get label(): Label {
    return this.#admitted.label;
  }

  get role(): Role {
    return this.#role;
  }

  /** What a removal is remembered by. */
  get identity(): string {
    return identityOf(this.#admitted.claims);
  }

  /** Whether the issuer says who it is: a token that names nobody may be many people's. */
  get isNamed(): boolean {
    return this.#admitted.claims.sub !== undefined;
  }

  /** The hash of its identity, by which nodes count the sessions of one participant; undefined for one not named. */
  get who(): string | undefined {
    return this.isNamed ? hashOf(this.identity) : undefined;
  }

  /** Every one that it had: without a `sub` each of its tokens is another. */
  get identities(): ReadonlySet<string> {
    return this.#identities;
  }

  /** The media side; `not_joined` for one who waits. */
  get media(): MediaPeer {
    if (this.#media === null) throw new WatershedError('not_joined');
    return this.#media;
  }

  get seated(): boolean {
    return this.#media !== null;
  }

  /** Given once, when the peer becomes a member. */
  seat(media: MediaPeer): void {
    this.#media = media;
  }

  /** Ends the peer's media; idempotent. */
  unseat(): void {
    const media = this.#media;
    this.#media = null;
    media?.close();
  }

  /**
   * Takes a newer judgement of the same session. Its label never loses what an earlier one held, and a token
   * that says `participant` ends a host's powers while none gives them within a session.
   */
  adopt(session: AdmittedSession): void {
    const before = this.label;
    this.#admitted = { ...session, label: mergeLabels(before, session.label) };
    this.#identities.add(this.identity);
    this.#relabelled ||= !sameLabel(before, this.label);
    if (session.claims.role === 'participant') this.#role = 'participant';
  }

  /** Sets a label that grew out of this session's own (an ICE tuple's address was added). */
  relabel(label: Label): void {
    this.#admitted = { ...this.#admitted, label: mergeLabels(this.#admitted.label, label) };
  }

  /** Whether `adopt` changed the label since this was asked last. */
  takeRelabelled(): boolean {
    const changed = this.#relabelled;
    this.#relabelled = false;
    return changed;
  }

  /** `host_only` unless this peer is a host. */
  assertHost(): void {
    if (this.#role !== 'host') throw new WatershedError('host_only');
  }

  /** The peer as the others see it. */
  info(node: NodeIdentity): PeerInfo {
    return {
      peerId: this.id,
      displayName: this.displayName,
      role: this.#role,
      datacenter: node.datacenter,
      region: node.region,
      producers: (this.#media?.producers() ?? []).filter(({ producerId }) => this.announced.has(producerId)),
    };
  }
}
