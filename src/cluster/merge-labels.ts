import { intersect } from '../policy/label.ts';
import type { Label } from '../policy/model.ts';
import { sameLabel } from './same-label.ts';

/** How much it takes to remember a label, and whom it is of: in names of regions, and one for a hash. */
export function wordsOf({ evidence, regions }: Label): number {
  return 1 + evidence.length + (regions?.length ?? 0);
}

/** Labels of so many words are merged once: another node may say one of thousands of people. */
const LONG = 32;
const MERGED = new WeakMap<Label, WeakMap<Label, { readonly label: Label; readonly grows: boolean }>>();

/**
 * One label of two that the same session was judged by at the same time from different evidence (a resume and
 * an ICE tuple, say): evidence only grows, regions only shrink, so neither decision can undo the other. The home
 * stays.
 */
export function mergeLabels(before: Label, after: Label): Label {
  return isLong(before) || isLong(after) ? mergedOnce(before, after).label : merged(before, after);
}

/** Whether `other` says something of the session that the label does not say yet. */
export function growsBy(label: Label, other: Label): boolean {
  if (label === other) return false;
  return isLong(label) || isLong(other) ? mergedOnce(label, other).grows : grows(label, merged(label, other));
}

function isLong(label: Label): boolean {
  return wordsOf(label) > LONG;
}

function mergedOnce(before: Label, after: Label): { readonly label: Label; readonly grows: boolean } {
  const known = MERGED.get(before)?.get(after);
  if (known !== undefined) return known;
  const label = merged(before, after);
  const made = { label, grows: grows(before, label) };
  const ofBefore = MERGED.get(before) ?? new WeakMap();
  MERGED.set(before, ofBefore.set(after, made));
  return made;
}

function grows(before: Label, after: Label): boolean {
  return !sameLabel(merged(before, before), after);
}

function merged(before: Label, after: Label): Label {
  return {
    home: before.home,
    evidence: [...new Set([...before.evidence, before.home, ...after.evidence])].sort(),
    regions: intersect(before.regions, after.regions),
  };
}
