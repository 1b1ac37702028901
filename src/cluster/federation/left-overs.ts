import { nodeKey } from '../../policy/node-key.ts';
import { nodeOfPart, type RoomHost } from '../../registry/port.ts';

/** A node's part of a room's record, of one start of that node. */
export type HostRef = Pick<RoomHost, 'node' | 'datacenter' | 'nodeEpoch'>;

/** How long a part that its node disowned, or whose node is gone, counts for nothing. */
const LEFT_OVER_MS = 5000;

/** Parts in a room's record that are left over, and for how long that is believed. */
export class LeftOvers {
  /** `node epoch`, and until when (monotonic ms). */
  readonly #until = new Map<string, number>();

  has(host: HostRef): boolean {
    const until = this.#until.get(partKey(host));
    return until !== undefined && until >= performance.now();
  }

  add(host: HostRef): void {
    const now = performance.now();
    // What is believed no more is forgotten: whoever writes to the registry can make up ever new parts.
    for (const [part, until] of this.#until) if (until < now) this.#until.delete(part);
    this.#until.set(partKey(host), now + LEFT_OVER_MS);
  }
}

function partKey(host: HostRef): string {
  return `${nodeKey(nodeOfPart(host))} ${host.nodeEpoch}`;
}
