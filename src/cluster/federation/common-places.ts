import { intersect, narrow } from '../../policy/label.ts';
import type { Label } from '../../policy/model.ts';
import { common } from '../../policy/room.ts';
import type { FederationDeps } from './deps.ts';
import { roomKey } from './messages.ts';
import { partOf, regionsOf } from './placement.ts';

/**
 * The datacenters where a room, as the registry has it, could be with a newcomer in it; null where nothing is known
 * of it. A hint that saves a client the way to places where its room is not: whether it may enter is decided there,
 * with what the room's nodes say themselves. Never rejects.
 */
export async function commonPlaces(
  { cloud, policy, registry, find }: Pick<FederationDeps, 'cloud' | 'policy' | 'registry' | 'find'>,
  room: string,
  label: Label,
): Promise<ReadonlySet<string> | null> {
  try {
    const p = policy();
    if (p === null) return null;
    const record = await registry.room(roomKey(cloud, room));
    const hosts = await Promise.all(
      record.hosts.map(async (host) => {
        const node = await find(host.node, host.datacenter);
        return node?.epoch === host.nodeEpoch ? [partOf(host)] : [];
      }),
    );
    const parts = hosts.flat();
    if (parts.every(({ labels }) => labels.length === 0)) return null;
    const regions = intersect(regionsOf(parts, record.regions), label.regions);
    const labels = [...parts.flatMap((part) => part.labels), label];
    return new Set(
      common(
        p,
        labels.map((one) => narrow(one, regions)),
      ),
    );
  } catch {
    return null;
  }
}
