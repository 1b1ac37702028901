import { Counter, type Registry as MetricsRegistry } from 'prom-client';

/** Failures that no code of ours expected: the `rejection` of a promise, an `exception` out of a callback. */
const KINDS = ['rejection', 'exception'] as const;
export type DefectKind = (typeof KINDS)[number];

export interface DefectsDeps {
  readonly logger: { fatal(fields: object, message: string): void };
  readonly metrics: MetricsRegistry;
  /** Judges every leg, stay and word again, as after a switch of policy. */
  readonly rejudge: () => Promise<void>;
}

/** From one judgement to the next, in ms: whoever can provoke defects is not to keep the node busy with them. */
const REJUDGE_MS = 1000;

/**
 * What a node makes of its own defects. A rejection leaves it running: one bad message must not end a thousand
 * calls. Nothing was let through by what failed, since all is decided before anything is made or sent; but what was
 * to be closed may be open still. So everything is judged again at once, which closes what is forbidden. After an
 * exception, which may have left any object half changed, whoever runs the process drains and ends it.
 */
export class Defects {
  readonly #deps: DefectsDeps;
  readonly #counter: Counter<'kind'>;
  #count = 0;
  #rejudgedAt = Number.NEGATIVE_INFINITY;
  #rejudging: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(deps: DefectsDeps) {
    this.#deps = deps;
    this.#counter = new Counter({
      name: 'watershed_defects_total',
      help: 'Failures that nothing in the node expected, by kind: each is a defect to be reported.',
      labelNames: ['kind'],
      registers: [deps.metrics],
    });
    for (const kind of KINDS) this.#counter.inc({ kind }, 0);
  }

  /** For `/readyz`: null while there was none. */
  problem(): string | null {
    return this.#count === 0 ? null : `${this.#count} unexpected failures since the start: see the log`;
  }

  happened(kind: DefectKind, error: unknown): void {
    this.#count += 1;
    this.#counter.inc({ kind });
    this.#deps.logger.fatal({ err: asError(error), kind }, 'a defect: everyone is judged again');
    if (this.#closed || this.#rejudging !== undefined) return;
    const wait = Math.max(0, this.#rejudgedAt + REJUDGE_MS - performance.now());
    this.#rejudging = setTimeout(() => void this.#rejudge(), wait);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#rejudging);
  }

  /** Never rejects. */
  async #rejudge(): Promise<void> {
    this.#rejudging = undefined;
    this.#rejudgedAt = performance.now();
    try {
      await this.#deps.rejudge();
    } catch (error) {
      this.#deps.logger.fatal({ err: asError(error) }, 'not everyone could be judged again');
    }
  }
}

/** With a stack, for the log. */
function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(`no error was thrown, but: ${String(error)}`);
}
