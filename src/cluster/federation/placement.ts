import { allowedForLabel } from '../../policy/allowed.ts';
import type { CompiledPolicy } from '../../policy/compile.ts';
import { intersect, narrow } from '../../policy/label.ts';
import type { Label } from '../../policy/model.ts';
import { admitToRoom, common, type Member, type RoomVerdict } from '../../policy/room.ts';
import { type Live, routeWithin, type SeatList } from '../../policy/routing.ts';
import type { LabelCount, RoomHost } from '../../registry/port.ts';
import type { Place } from './types.ts';

/** What one node brings to a room: labels with a place there. */
export interface Part {
  readonly datacenter: string;
  readonly labels: readonly Label[];
  readonly moves: boolean;
  readonly regions: readonly string[] | null;
}

/**
 * The labels of places, one for each home, counted: where a room can be is decided by all evidence and narrowing in it
 * together, and where someone may sit by their home. So there are as few as regions, however many people. In a stable
 * order, so that nothing changed is written as nothing changed.
 */
export function countLabels(places: readonly Pick<Place, 'label'>[]): LabelCount[] {
  const byHome = new Map<
    string,
    { evidence: Set<string>; regions: readonly string[] | null; count: number }
  >();
  for (const { label } of places) {
    const { home, evidence, regions } = label;
    const known = byHome.get(home) ?? { evidence: new Set(), regions: null, count: 0 };
    for (const region of evidence) known.evidence.add(region);
    known.regions = intersect(known.regions, regions);
    known.count += 1;
    byHome.set(home, known);
  }
  return [...byHome]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([home, { evidence, regions, count }]) => ({
      home,
      evidence: [...evidence].sort(),
      regions: regions === null ? null : [...regions].sort(),
      count,
    }));
}

/** A node's part as the registry has it, and as it is trusted there: enough to refuse, never to admit more. */
export function partOf({ datacenter, members, moves }: RoomHost): Part {
  return { datacenter, labels: members.map(labelOf), moves: moves ?? true, regions: null };
}

function labelOf({ home, evidence, regions }: LabelCount): Label {
  return { home, evidence, regions };
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
