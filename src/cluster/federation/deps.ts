import type { Links } from '../../links/types.ts';
import type { CompiledPolicy } from '../../policy/compile.ts';
import type { RoomVerdict } from '../../policy/room.ts';
import type { SeatList } from '../../policy/routing.ts';
import { ERRORS } from '../../protocol/errors.ts';
import type { Redirect } from '../../protocol/events.ts';
import type { NodeRecord, Registry } from '../../registry/port.ts';
import type { Liveness } from '../liveness.ts';
import type { Pipes } from '../pipe-types.ts';
import type { Verdict } from '../types.ts';
import type { Place } from './types.ts';

/** Which datacenters can take a session now. */
export type WhoIsUp = Pick<Liveness, 'isLive' | 'urlsFor'>;

export interface FederationDeps {
  readonly cloud: string;
  /** This node; `epoch` as in its record. */
  readonly node: { readonly id: string; readonly datacenter: string; readonly epoch: number };
  /** The policy of this moment; null where the node has no valid one. */
  readonly policy: () => CompiledPolicy | null;
  readonly registry: Registry;
  readonly links: Links;
  readonly pipes: Pipes;
  /** Which of these datacenters can take a session now. Rejects with `registry_unavailable`. */
  readonly liveness: (datacenters: readonly string[]) => Promise<WhoIsUp>;
  /** The verified record of a node whose lease runs; null for none. Rejects with `registry_unavailable`. */
  readonly find: (node: string, datacenter: string) => Promise<NodeRecord | null>;
  /** A signed redirect to these seats: as the room's rule decided, or because this node goes. */
  readonly redirect: (
    place: Place,
    room: string,
    list: SeatList,
    up: WhoIsUp,
    code?: 'room_moved' | 'draining',
  ) => Promise<Redirect>;
  /** Records one decision of the room's rule. */
  readonly decided: (
    place: Place,
    room: string,
    kind: 'admit' | 'redirect' | 'refuse',
    code: string,
    rule: string,
    redirect?: Redirect,
  ) => void;
  /** Told whenever a node of the cloud says what it cannot have decided, and is not believed. */
  readonly refused: (node: {
    readonly id: string;
    readonly datacenter: string;
    readonly reason: string;
  }) => void;
  readonly log: FederationLog;
}

/** The part of a pino logger that the federation uses. */
export interface FederationLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** The policy rule that a room's refusals and moves name: A(L) of everyone in it. */
export const COMMON = 'common';

/** The refusal of a newcomer by the room it wants to enter. */
export function refuseRoom(
  { decided }: Pick<FederationDeps, 'decided'>,
  p: CompiledPolicy,
  newcomer: Place,
  room: string,
  { code, message, retry }: Extract<RoomVerdict, { kind: 'refuse' }>,
): Extract<Verdict, { kind: 'refuse' }> {
  decided(newcomer, room, 'refuse', code, COMMON);
  return {
    kind: 'refuse',
    refusal: { code, message, retry, rule: COMMON, policy: p.digest, status: ERRORS[code].status },
  };
}
