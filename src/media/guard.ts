import type { Logger } from 'pino';

/**
 * Runs what must not throw into the caller: listeners of our events, and work inside mediasoup's event handlers.
 * A mistake there is logged, and costs nobody else their call.
 */
export function guarded(logger: Logger, what: string, run: () => void): void {
  try {
    run();
  } catch (error) {
    logger.error({ err: error, what }, 'media: a handler failed');
  }
}

/** The same for a promise that nobody waits for. */
export function unattended(logger: Logger, what: string, work: Promise<unknown>): void {
  work.catch((error: unknown) => logger.debug({ err: error, what }, 'media: background work failed'));
}
