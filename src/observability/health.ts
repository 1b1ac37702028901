/** Whether a node may be given new sessions, and if not, why. */
export interface Readiness {
  readonly ready: boolean;
  /** Empty when ready. No addresses, names or tokens: anyone can ask. */
  readonly reasons: readonly ReadinessReason[];
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

  /** Adds a named check; returns what removes it. Throws on a name that is taken. */
  add(name: string, check: ReadinessCheck): () => void {
    if (this.#checks.has(name)) throw new Error(`there is a readiness check "${name}" already`);
    this.#checks.set(name, check);
    return () => void this.#checks.delete(name);
  }

  /** Asks every check. One that throws is not ready: a defect never reads as health. */
  readiness(): Readiness {
    const reasons: ReadinessReason[] = [];
    for (const [check, ask] of this.#checks) {
      const reason = outcome(ask);
      if (reason !== null) reasons.push({ check, reason });
    }
    return { ready: reasons.length === 0, reasons };
  }
}

function outcome(ask: ReadinessCheck): string | null {
  try {
    return ask();
  } catch {
    return 'the check failed';
  }
}
