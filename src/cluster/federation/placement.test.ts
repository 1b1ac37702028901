import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { narrow } from '../../policy/label.ts';
import type { Label } from '../../policy/model.ts';
import { common } from '../../policy/room.ts';
import type { RoomRecord } from '../../registry/port.ts';
import { MAX_ROOM_FIELD_BYTES } from '../../registry/redis/bounds.ts';
import { partField, readRoom, writePart, writeRegions } from '../../registry/redis/room-record.ts';
import { zoom2020 } from '../testing/door.ts';
import { type Part, partOf, presenceOf, regionsOf } from './placement.ts';

const p = zoom2020();
const NODE = { node: 'sjc-1', nodeEpoch: 1_764_000_000_000, datacenter: 'sjc' };

/** A node's labels, as another node reads them in the registry. */
function readBack(labels: readonly Label[]): { record: RoomRecord; bytes: number } {
  const part = writePart({ ...NODE, ...presenceOf(labels), moves: true });
  const regions = regionsOf([{ datacenter: 'sjc', labels, moves: true, regions: null }]);
  const fields = [partField({ id: NODE.node, datacenter: 'sjc' }), part, 'regions', writeRegions(regions)];
  return {
    record: readRoom(regions === null ? fields.slice(0, 2) : fields),
    bytes: Math.max(...fields.map((field) => field.length)),
  };
}

describe("a node's part of a room", () => {
  const region = fc.constantFrom('us', 'eu', 'hk', 'cn');
  const regions = fc.uniqueArray(region);
  const label = fc
    .tuple(region, regions, fc.option(regions))
    .map(([home, more, narrowed]): Label => ({ home, evidence: [home, ...more], regions: narrowed }));
  /** Where everyone could be, and whose routes count. */
  const decided = (parts: readonly Part[], narrowed: readonly string[] | null) => {
    const left = regionsOf(parts, narrowed);
    const labels = parts.flatMap((part) => part.labels);
    return {
      places: common(
        p,
        labels.map((one) => narrow(one, left)),
      ),
      homes: [...new Set(labels.map(({ home }) => home))].sort(),
    };
  };

  it('decides with its record as the labels do that it is of', () => {
    fc.assert(
      fc.property(fc.array(label), (labels) => {
        const { record } = readBack(labels);
        expect(decided(record.hosts.map(partOf), record.regions)).toEqual(
          decided([{ datacenter: 'sjc', labels, moves: true, regions: null }], null),
        );
      }),
    );
  });

  it('is taken for ours however many regions the policy has, and however narrowed', () => {
    const names = Array.from({ length: 400 }, (_, n) => `region-${n}`.padEnd(64, 'x'));
    const labels = names.map((home): Label => ({ home, evidence: [home], regions: names }));
    const { record, bytes } = readBack(labels);
    expect(bytes).toBeLessThan(MAX_ROOM_FIELD_BYTES);
    expect(record.hosts).toMatchObject([{ homes: names.map((home) => ({ home, count: 1 })).sort(byHome) }]);
    expect(record.regions).toEqual(names);
  });
});

function byHome(a: { home: string }, b: { home: string }): number {
  return a.home < b.home ? -1 : 1;
}
