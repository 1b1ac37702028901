import type { ProbeKind, RunResult } from '../report/result.ts';

/** What became of one attempt. */
export interface Answer {
  /** It got what is forbidden. */
  readonly admitted: boolean;
  /** The code of the refusal; `unanswered` where nobody was there to give one. */
  readonly code: string;
}

export const UNANSWERED = 'unanswered';

/** Counts the forbidden attempts of a run by kind, and remembers each one that was admitted. */
export class Tally {
  readonly #kinds = new Map<string, ProbeKind>();
  readonly #admissions: RunResult['isolation']['admissions'] = [];
  #controls = { attempts: 0, admitted: 0 };

  /** @param what for people, of the kind; @param which of this attempt; @param at seconds since the run began */
  forbidden(kind: string, what: string, which: string, answer: Answer, at: number): void {
    const known = this.#kinds.get(kind) ?? {
      kind,
      what,
      attempts: 0,
      admitted: 0,
      refused: 0,
      unanswered: 0,
      codes: {},
    };
    this.#kinds.set(kind, known);
    known.attempts += 1;
    known.codes[answer.code] = (known.codes[answer.code] ?? 0) + 1;
    if (answer.admitted) {
      known.admitted += 1;
      this.#admissions.push({ at: Math.round(at * 100) / 100, kind, what: which, answer: answer.code });
    } else if (answer.code === UNANSWERED) known.unanswered += 1;
    else known.refused += 1;
  }

  /** An allowed attempt beside the forbidden ones: what refuses everybody proves nothing. */
  control(admitted: boolean): void {
    this.#controls = {
      attempts: this.#controls.attempts + 1,
      admitted: this.#controls.admitted + (admitted ? 1 : 0),
    };
  }

  get attempts(): number {
    return this.#sum('attempts');
  }

  get admitted(): number {
    return this.#sum('admitted');
  }

  result(): RunResult['isolation'] {
    return {
      attempts: this.#sum('attempts'),
      admitted: this.#sum('admitted'),
      refused: this.#sum('refused'),
      unanswered: this.#sum('unanswered'),
      controls: this.#controls,
      kinds: [...this.#kinds.values()],
      admissions: this.#admissions,
    };
  }

  #sum(field: 'attempts' | 'admitted' | 'refused' | 'unanswered'): number {
    return [...this.#kinds.values()].reduce((sum, kind) => sum + kind[field], 0);
  }
}
