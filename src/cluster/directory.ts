import { allowedForLabel } from '../policy/allowed.ts';
import type { CompiledPolicy } from '../policy/compile.ts';
import type { Label } from '../policy/model.ts';
import type { SeatList } from '../policy/routing.ts';
import type { DirectoryAnswer, DirectoryEntry, DirectoryList } from '../protocol/directory.ts';
import { WatershedError } from '../protocol/errors.ts';
import type { Liveness } from './liveness.ts';

/** Seconds for which a client may follow a list. */
const LIST_SECONDS = 60;

/** Signs a list with this cloud's directory key. */
export type SignList = (list: DirectoryList) => DirectoryAnswer;

/**
 * The list as a client gets it, unsigned. Every entry is put to the predicate once more here: a client is only
 * ever told of datacenters allowed for it, whatever the caller filtered. Throws when one is not (a defect).
 */
export function listFor(
  p: CompiledPolicy,
  label: Label,
  seats: SeatList,
  live: Pick<Liveness, 'urlsFor'>,
  question: { readonly room: string; readonly now: number },
): DirectoryList {
  const entries = (names: readonly string[]): DirectoryEntry[] =>
    names.map((datacenter) => {
      const region = p.policy.datacenters.get(datacenter)?.region;
      const [url, sibling] = live.urlsFor(datacenter, question.room).map(withoutSlash);
      if (region === undefined || url === undefined || !allowedForLabel(p, label, datacenter)) {
        throw new WatershedError('internal', 'a list held a datacenter that may not be listed');
      }
      return { datacenter, region, url, ...(sibling !== undefined && { sibling }) };
    });
  return {
    cloud: p.policy.cloud,
    room: question.room,
    primaries: entries(seats.primaries),
    secondaries: entries(seats.secondaries),
    expiresAt: Math.floor(question.now / 1000) + LIST_SECONDS,
    policy: p.digest,
  };
}

/** Names of the datacenters in a list, in the order in which they are tried. */
export function namesOf(list: DirectoryList): string[] {
  return [...list.primaries, ...list.secondaries].map((entry) => entry.datacenter);
}

/** Paths are appended to the base URL. */
function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '');
}
