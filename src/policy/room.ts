import { allowedByNumber } from './allowed.ts';
import type { CompiledPolicy } from './compile.ts';
import { intersect, narrow } from './label.ts';
import type { Label } from './model.ts';
import type { PolicyCode } from './refusal.ts';
import { type Live, routeWithin, type SeatList } from './routing.ts';

/** A member of a room and the datacenter it sits at. */
export interface Member {
  /** The caller's name for it; given back in `moves`. */
  readonly id: string;
  readonly label: Label;
  readonly seat: string;
  /** The token's id, for the draw of secondaries when the member moves. */
  readonly jti: string;
}

export interface RoomQuestion {
  readonly members: readonly Member[];
  readonly newcomer: { readonly label: Label; readonly jti: string };
  /** The room's N so far: the intersection over every token seen in its life; null for all. */
  readonly regions: readonly string[] | null;
  readonly live: Live;
  /** False when a host's token withholds the consent to move members: the newcomer is refused instead. */
  readonly moves: boolean;
}

export interface Move {
  readonly id: string;
  readonly from: string;
  readonly list: SeatList;
}

/** Whether the newcomer may enter, where it may sit, and who has to move first. */
export type RoomVerdict =
  | {
      readonly kind: 'admit';
      /** The datacenters allowed for everyone in the room, the newcomer included. */
      readonly common: readonly string[];
      /** Where the newcomer may sit. */
      readonly list: SeatList;
      readonly moves: readonly Move[];
      /** The room's N from now on. */
      readonly regions: readonly string[] | null;
    }
  | { readonly kind: 'refuse'; readonly code: PolicyCode; readonly retry: boolean; readonly message: string };

/** The datacenters allowed for every label, in the order of the document; for none, every datacenter. */
export function common(p: CompiledPolicy, labels: readonly Label[]): string[] {
  const everyone = labels.map((label) => allowedByNumber(p, label));
  return p.datacenterNames.filter((_, d) => everyone.every((may) => may(d)));
}

/**
 * What a room says to a newcomer, or to a member whose label changed (who then counts as the newcomer and is not
 * among `members`). Nobody is left without a live seat: then the newcomer is refused.
 */
export function admitToRoom(p: CompiledPolicy, question: RoomQuestion): RoomVerdict {
  const { members, newcomer, live } = question;
  const regions = intersect(question.regions, newcomer.label.regions);
  const labels = [...members.map((m) => m.label), newcomer.label].map((label) => narrow(label, regions));
  const shared = new Set(common(p, labels));
  const seatsOf = (label: Label, jti: string) =>
    routeWithin(p, label.home, (d) => shared.has(d) && live(d), jti);
  const list = seatsOf(newcomer.label, newcomer.jti);
  const lists = members.map((m) => seatsOf(m.label, m.jti));
  if ([list, ...lists].some((l) => l.primaries.length + l.secondaries.length === 0)) {
    const later = [newcomer, ...members].every(({ label, jti }) => {
      const { primaries, secondaries } = routeWithin(p, label.home, (d) => shared.has(d), jti);
      return primaries.length + secondaries.length > 0;
    });
    return later
      ? refuse(
          'no_datacenter_up',
          true,
          'the datacenters that may serve everyone in the room are down or full',
        )
      : refuse(
          'room_apart',
          false,
          'no datacenter may serve everyone in the room together with this session',
        );
  }
  const moves = members.flatMap((m, i) => {
    const target = lists[i];
    return shared.has(m.seat) || target === undefined ? [] : [{ id: m.id, from: m.seat, list: target }];
  });
  if (moves.length > 0 && !question.moves) {
    return refuse(
      'room_apart',
      false,
      'others would have to move to another datacenter, and the host did not allow it',
    );
  }
  return { kind: 'admit', common: [...shared], list, moves, regions };
}

function refuse(code: PolicyCode, retry: boolean, message: string): RoomVerdict {
  return { kind: 'refuse', code, retry, message };
}
