import { intersect } from '../policy/label.ts';
import type { Label } from '../policy/model.ts';
import { sameLabel } from './same-label.ts';

/**
 * One label of two that the same session was judged by at the same time from different evidence (a resume and
 * an ICE tuple, say): evidence only grows, regions only shrink, so neither decision can undo the other. The home
 * stays.
 */
export function mergeLabels(before: Label, after: Label): Label {
  return {
    home: before.home,
    evidence: [...new Set([...before.evidence, before.home, ...after.evidence])].sort(),
    regions: intersect(before.regions, after.regions),
  };
}

/** Whether `other` says something of the session that the label does not say yet. */
export function growsBy(label: Label, other: Label): boolean {
  return !sameLabel(mergeLabels(label, label), mergeLabels(label, other));
}
