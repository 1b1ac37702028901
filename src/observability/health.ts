/** Whether a node may be given new sessions, and if not, why. */
export interface Readiness {
  readonly ready: boolean;
  /** Empty when ready. No addresses, names or tokens: anyone can ask. */
  readonly reasons: readonly ReadinessReason[];
  /** What an operator should look at, though the node goes on. */
  readonly warnings: readonly ReadinessReason[];
}

export interface ReadinessReason {
  /** What is not ready, such as `policy`, `workers`, `geo`, `registry`. */
  readonly check: string;
  readonly reason: string;
}

/** Null when fine, else why not. Cheap, and answers from what is known already. */
export type ReadinessCheck = () => string | null;

/** The checks of one node. Liveness is not among them: a process that answers is alive. */
export class Health {
  readonly #checks = new Map<string, ReadinessCheck>();
  readonly #warnings = new Map<string, ReadinessCheck>();

  /** Adds a named check; returns what removes it. Throws on a name that is taken. */
  add(name: string, check: ReadinessCheck): () => void {
    if (this.#checks.has(name)) throw new Error(`there is a readiness check "${name}" already`);
    this.#checks.set(name, check);
    return () => void this.#checks.delete(name);
  }

  /** Adds something that is told beside the readiness, and does not change it. Throws on a name that is taken. */
  addWarning(name: string, check: ReadinessCheck): void {
    if (this.#warnings.has(name)) throw new Error(`there is a warning "${name}" already`);
    this.#warnings.set(name, check);
  }

  /** Asks every check. One that throws is not ready: a defect never reads as health. */
  readiness(): Readiness {
    const reasons = answers(this.#checks);
    return { ready: reasons.length === 0, reasons, warnings: answers(this.#warnings) };
  }
}

function answers(checks: ReadonlyMap<string, ReadinessCheck>): ReadinessReason[] {
  return [...checks].flatMap(([check, ask]) => {
    const reason = outcome(ask);
    return reason === null ? [] : [{ check, reason }];
  });
}

function outcome(ask: ReadinessCheck): string | null {
  try {
    return ask();
  } catch {
    return 'the check failed';
  }
}
