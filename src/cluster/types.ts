import type { MediaGate } from '../media/types.ts';
import type { Label } from '../policy/model.ts';
import type { DirectoryAnswer } from '../protocol/directory.ts';
import type { Redirect, Refusal } from '../protocol/events.ts';
import type { JoinClaims } from '../protocol/token.ts';

/** Who asks, and from where: all that a decision may be made from. */
export interface AdmissionRequest {
  /** The join token as received, not yet verified; null when none came. */
  readonly token: string | null;
  /** The client's address, after trusted proxies were taken off; never from a body or a query. */
  readonly address: string;
  /** Where the decision is taken, for the decision record. */
  readonly step: 'directory' | 'upgrade' | 'join' | 'resume' | 'refresh' | 'switch';
}

/** A verified, labelled session that may be served at this node's datacenter. */
export interface AdmittedSession {
  readonly claims: JoinClaims;
  readonly label: Label;
  readonly address: string;
}

/** Exhaustively switched by callers: an outcome is a value, never a log line. */
export type Verdict =
  | { readonly kind: 'admit'; readonly session: AdmittedSession }
  | { readonly kind: 'redirect'; readonly redirect: Redirect }
  | { readonly kind: 'refuse'; readonly refusal: Refusal };

/** Decides at the door. One decision record and one metric for each call. */
export interface Admission {
  /** Verifies the token, labels the session and decides for this node's datacenter. */
  decide(request: AdmissionRequest): Promise<Verdict>;
  /**
   * Judges an admitted session again under the policy of this moment, optionally from another address (a
   * resume) or with a fresh token of the same room and participant (a refresh): evidence only grows.
   */
  decideAgain(
    session: AdmittedSession,
    change: { step: AdmissionRequest['step']; address?: string; token?: string },
  ): Promise<Verdict>;
  /**
   * Whether the policy of this moment allows the label here, with all that these addresses of its media say: an order
   * to look at sessions in, and no decision.
   */
  serves(label: Label, addresses?: Iterable<string>): boolean;
  /** `POST /v1/directory`: where the bearer of this token may go, wherever it asked. */
  directory(
    request: AdmissionRequest,
  ): Promise<{ kind: 'list'; answer: DirectoryAnswer } | { kind: 'refuse'; refusal: Refusal }>;
  /**
   * The isolation checks of one room's media, over the labels of its peers as they are now. `label` answers
   * undefined for a peer that is gone, which forbids. `onLabel` is told of the wider label when an ICE tuple's
   * address added evidence and the peer may stay.
   */
  gate(room: {
    readonly roomId: string;
    label(peerId: string): Label | undefined;
    onLabel(peerId: string, label: Label): void;
  }): MediaGate;
}
