import { createHash } from 'node:crypto';
import type { IdentitiesState } from '../cluster/federation/messages.ts';
import { sameLabel } from '../cluster/same-label.ts';
import type { Label } from '../policy/model.ts';
import { mergeLabels } from './labels.ts';

/** People whom hosts decided about, for as long as the room lives: hashed, each with the label it is judged by. */
export class Identities {
  readonly #labels = new Map<string, Label>();

  has(identity: string): boolean {
    return this.#labels.has(hash(identity));
  }

  /** False when it was there already. */
  add(identity: string, label: Label): boolean {
    const before = this.#labels.size;
    this.#put(hash(identity), label);
    return this.#labels.size > before;
  }

  /** True when somebody who is here is judged by another label now. */
  relabel(identity: string, label: Label): boolean {
    const before = this.#labels.get(hash(identity));
    if (before === undefined || sameLabel(before, mergeLabels(before, label))) return false;
    this.#put(hash(identity), label);
    return true;
  }

  state(): IdentitiesState {
    const groups = new Map<string, IdentitiesState[number]>();
    for (const [hashed, { home, evidence, regions }] of this.#labels) {
      const label = { home, evidence: [...evidence], regions: regions === null ? null : [...regions] };
      const key = JSON.stringify(label);
      const group = groups.get(key) ?? { label, hashes: [] };
      group.hashes.push(hashed);
      groups.set(key, group);
    }
    return [...groups.values()];
  }

  /** Takes what another node says. */
  merge(state: IdentitiesState): void {
    for (const { label, hashes } of state) for (const hashed of hashes) this.#put(hashed, label);
  }

  /** Somebody who was seen by two labels is told of where both may be known. */
  #put(hashed: string, label: Label): void {
    const before = this.#labels.get(hashed);
    this.#labels.set(hashed, before === undefined ? label : mergeLabels(before, label));
  }
}

/** Identities are the issuer's words for its people: nodes compare them without telling them. */
function hash(identity: string): string {
  return createHash('sha256').update(`watershed kept out\0${identity}`).digest('base64url');
}
