import type { Generator } from '../native/generator.ts';
import type { Place } from './place.ts';

/** Datagrams received so far, counted by a generator and by the kernel. */
export interface Count {
  readonly counted: number;
  /** The kernel's number before the generator was asked and after: it goes on receiving meanwhile. */
  readonly least: number;
  readonly most: number;
}

/** Null where the kernel cannot tell. All others of the place are to be held still. */
export async function countDatagrams(place: Place, generator: Generator): Promise<Count | null> {
  const least = place.datagramsReceived(generator.pid);
  const { totals } = await generator.stats();
  const most = place.datagramsReceived(generator.pid);
  return least === null || most === null ? null : { counted: totals.datagramsReceived, least, most };
}

/** The kernel's count between two moments in relation to the generator's. */
export function agreement(before: Count | null, after: Count | null): number | null {
  if (before === null || after === null) return null;
  const counted = after.counted - before.counted;
  if (counted === 0) return null;
  return Math.min(Math.max(counted, after.least - before.most), after.most - before.least) / counted;
}
