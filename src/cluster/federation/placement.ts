import { allowedForLabel } from '../../policy/allowed.ts';
import type { CompiledPolicy } from '../../policy/compile.ts';
import { intersect, narrow } from '../../policy/label.ts';
import type { Label } from '../../policy/model.ts';
import { admitToRoom, common, type Member, type RoomVerdict } from '../../policy/room.ts';
import { type Live, routeWithin, type SeatList } from '../../policy/routing.ts';
import type { HomeCount, RoomHost } from '../../registry/port.ts';
import type { Place } from './types.ts';

/** What one node brings to a room: labels with a place there. */
export interface Part {
  readonly datacenter: string;
  readonly labels: readonly Label[];
  readonly moves: boolean;
  readonly regions: readonly string[] | null;
}

/**
 * What others need to know of a node's labels. Where a room can be is decided by all evidence and narrowing in it
 * together, and where someone may sit by their home: so each region is told once, and narrowings as the room's. In a
 * stable order, so that nothing changed is written as nothing changed.
 */
export function presenceOf(labels: readonly Label[]): { homes: HomeCount[]; evidence: string[] } {
  const counts = new Map<string, number>();
  for (const { home } of labels) counts.set(home, (counts.get(home) ?? 0) + 1);
  return {
    homes: [...counts].map(([home, count]) => ({ home, count })).sort((a, b) => (a.home < b.home ? -1 : 1)),
    evidence: [...new Set(labels.flatMap(({ evidence }) => evidence))].sort(),
  };
}

/** As few labels as homes: together they decide as those do that were told so. */
export function labelsOf(homes: readonly string[], evidence: readonly string[]): Label[] {
  return homes.map((home, n) => ({ home, evidence: n === 0 ? [home, ...evidence] : [home], regions: null }));
}

/** A node's part as the registry has it, and as it is trusted there: enough to refuse, never to admit more. */
export function partOf({ datacenter, homes, evidence, moves }: RoomHost): Part {
  const labels = labelsOf(
    homes.map(({ home }) => home),
    evidence,
  );
  return { datacenter, labels, moves: moves ?? true, regions: null };
}

/** The room's N: what every narrowing seen so far leaves. */
export function regionsOf(
  parts: readonly Part[],
  ...also: readonly (readonly string[] | null)[]
): readonly string[] | null {
  let regions: readonly string[] | null = null;
  for (const narrowing of also) regions = intersect(regions, narrowing);
  for (const part of parts) {
    regions = intersect(regions, part.regions);
    for (const label of part.labels) regions = intersect(regions, label.regions);
  }
  return regions;
}

/** Asks the policy whether a newcomer may enter a room that these parts make up. */
export function askRoom(
  p: CompiledPolicy,
  parts: readonly Part[],
  newcomer: Place,
  regions: readonly string[] | null,
  live: Live,
): RoomVerdict {
  const members: Member[] = parts.flatMap(({ datacenter, labels }) =>
    // Who exactly moves is each node's own business: here it matters that everyone could.
    labels.map((label) => ({ id: '', label, seat: datacenter, jti: newcomer.jti })),
  );
  return admitToRoom(p, {
    members,
    newcomer,
    regions: regionsOf(parts, regions),
    live,
    moves: newcomer.moves && parts.every(({ moves }) => moves),
  });
}

/** A place of this node's, where it may go now, and what its room has in common. */
export interface Elsewhere {
  readonly place: Place;
  readonly list: SeatList;
  readonly common: ReadonlySet<string>;
}

/** Where each of a node's places may sit, with everyone who is in the room. */
export function elsewhere(
  p: CompiledPolicy,
  parts: readonly Part[],
  places: readonly Place[],
  regions: readonly string[] | null,
  live: Live,
): Elsewhere[] {
  const labels = [...parts.flatMap((part) => part.labels), ...places.map(({ label }) => label)];
  const shared = new Set(
    common(
      p,
      labels.map((label) => narrow(label, regions)),
    ),
  );
  return places.map((place) => ({
    place,
    list: routeWithin(p, place.label.home, (d) => shared.has(d) && live(d), place.jti),
    common: shared,
  }));
}

/** Whether a list leads anywhere. */
export function leadsSomewhere({ primaries, secondaries }: SeatList): boolean {
  return primaries.length + secondaries.length > 0;
}

/** Those places of a node that are outside `common`, each with where it may go now. */
export function outside(
  p: CompiledPolicy,
  here: string,
  ...room: [parts: readonly Part[], places: readonly Place[], regions: readonly string[] | null, live: Live]
): Elsewhere[] {
  return elsewhere(p, ...room).filter(({ common }) => !common.has(here));
}

/** Whether what a peer with this label originates may be known and processed at a datacenter. */
export function mayKnow(
  p: CompiledPolicy | null,
  label: Label,
  regions: readonly string[] | null,
  datacenter: string,
): boolean {
  return p !== null && allowedForLabel(p, narrow(label, regions), datacenter);
}
