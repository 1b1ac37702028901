import type { Clock, Timer } from '../rooms/clock.ts';
import type { SignalingLimits } from './limits.ts';

type ExpiryLimits = Pick<SignalingLimits, 'enforceExpiry' | 'expiryWarningSeconds' | 'expiryGraceSeconds'>;

/**
 * A join token admits for as long as it says. A session is warned before its token expires, and ends a while
 * after, unless the client refreshed it in between; the grace is there so that a slow issuer does not end a call.
 */
export class TokenExpiry {
  readonly #clock: Clock;
  readonly #limits: ExpiryLimits;
  readonly #hooks: { warn(expiresAt: number): void; expire(): void };
  #timers: Timer[] = [];
  /** Milliseconds since 1970; null while nothing is watched. */
  #endsAtMs: number | null = null;

  constructor(clock: Clock, limits: ExpiryLimits, hooks: { warn(expiresAt: number): void; expire(): void }) {
    this.#clock = clock;
    this.#limits = limits;
    this.#hooks = hooks;
  }

  /** Watches a token that expires at `exp` (seconds since 1970), in place of any before it. */
  watch(exp: number): void {
    this.cancel();
    if (!this.#limits.enforceExpiry) return;
    this.#endsAtMs = exp * 1000 + this.#limits.expiryGraceSeconds * 1000;
    const leftMs = exp * 1000 - this.#clock.wallMs();
    this.#timers = [
      this.#clock.after(Math.max(0, leftMs - this.#limits.expiryWarningSeconds * 1000), () =>
        this.#hooks.warn(Math.floor(exp)),
      ),
      this.#clock.after(Math.max(0, leftMs + this.#limits.expiryGraceSeconds * 1000), () =>
        this.#hooks.expire(),
      ),
    ];
  }

  /** Whether the token and the grace after it have run out. */
  get passed(): boolean {
    return this.#endsAtMs !== null && this.#clock.wallMs() >= this.#endsAtMs;
  }

  cancel(): void {
    this.#endsAtMs = null;
    for (const timer of this.#timers) timer.cancel();
    this.#timers = [];
  }
}
