import type { RoomLink } from '../cluster/federation/types.ts';
import type { MediaGate } from '../media/types.ts';
import { type Ending, endingOf, forbiddenEnding } from './ending.ts';
import { placeOf } from './local-room.ts';
import type { Peer } from './peer.ts';
import type { Log } from './ports.ts';
import type { RoomRules } from './room-rules.ts';

/** What judging stays needs of the room. */
export interface StaysHost {
  readonly gate: Pick<MediaGate, 'assertTransport'>;
  link(): Pick<RoomLink, 'enter' | 'memberChanged' | 'placesChanged' | 'share'>;
  readonly rules: Pick<RoomRules, 'relabel'>;
  /** Whether a peer still has a place here. */
  has(peer: Peer): boolean;
  drop(peer: Peer, reason: 'policy', ending: Ending): void;
  readonly log: Pick<Log, 'warn'>;
}

/** Whether members may stay: judged anew whenever their labels, or the policy, have changed. Legs always go first. */
export class Stays {
  readonly #host: StaysHost;
  /** Whose stays are about to be decided, and what was forbidden of them meanwhile. */
  readonly #deciding = new Map<Peer, unknown>();

  constructor(host: StaysHost) {
    this.#host = host;
  }

  /** Judges one member's legs, then its stay, by its label and the policy of this moment; false: it was ended. */
  judge(peer: Peer): boolean {
    if (!peer.seated) return peer.outlet.open;
    peer.media.rejudge();
    try {
      this.#host.gate.assertTransport(peer.id);
      if (peer.takeRelabelled()) this.labelChanged(peer);
      return true;
    } catch (error) {
      this.#host.drop(peer, 'policy', forbiddenEnding(error));
      return false;
    }
  }

  /**
   * Closes every leg of a member that is forbidden now, at once. Nobody is told anything yet: the decision about
   * the stay, which has to follow (`decided`, or a move), knows where else the peer may go.
   */
  judgeLegs(peer: Peer): void {
    if (!peer.seated) return;
    this.#deciding.set(peer, null);
    peer.media.rejudge();
  }

  /** The stay goes on, or has ended. What was forbidden meanwhile ends it, whatever was decided. */
  decided(peer: Peer): void {
    const error = this.#deciding.get(peer) ?? null;
    this.#deciding.delete(peer);
    if (error !== null && peer.seated) this.#host.drop(peer, 'policy', forbiddenEnding(error));
  }

  /** The gate forbade a leg of the peer's own, which is closed: its stay ends, unless that is being decided. */
  forbidden(peer: Peer, error: unknown): void {
    if (this.#deciding.has(peer)) this.#deciding.set(peer, error);
    else this.#host.drop(peer, 'policy', forbiddenEnding(error));
  }

  /** Its legs were judged by the new label; now the peer, not the room, is the newcomer: it may have to go. */
  labelChanged(peer: Peer): void {
    const link = this.#host.link();
    link.memberChanged(peer.id, 'policy');
    const relabelled = [...peer.identities].filter((one) => this.#host.rules.relabel(one, peer.label));
    if (relabelled.length > 0) link.share();
    link.placesChanged();
    link
      .enter(placeOf(peer))
      .then((entered) => {
        if (entered.kind !== 'admit' && this.#host.has(peer)) {
          this.#host.drop(peer, 'policy', endingOf(entered));
        }
      })
      // The registry is away: the legs are judged all the same, and the next change asks again.
      .catch((error: unknown) =>
        this.#host.log.warn({ err: error }, 'a changed label could not be put to the room'),
      );
  }

  gone(peer: Peer): void {
    this.#deciding.delete(peer);
  }
}
