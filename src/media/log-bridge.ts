import { setLogEventListeners } from 'mediasoup';
import type { Logger } from 'pino';

/** IPv4 addresses, and what has at least two colons between hexadecimal digits; not the `::` of C++ names. */
const ADDRESS =
  /\b\d{1,3}(?:\.\d{1,3}){3}\b|(?<!\w)(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?:\.\d{1,3}){0,3}(?!\w)/gi;

/** Takes network addresses out of a line: logs hold none (style rule 8). */
export function withoutAddresses(line: string): string {
  return line.replace(ADDRESS, '[address]');
}

/**
 * Sends what mediasoup and its workers say to pino. mediasoup has one set of listeners in a process, so the last
 * engine made gets the lines. Its warnings tell of requests that failed, which the caller reports with a code:
 * they are details here; its errors (and a worker's standard error) are warnings.
 */
export function bridgeLogs(logger: Logger): void {
  const detailed = logger.isLevelEnabled('trace');
  setLogEventListeners({
    ondebug: detailed
      ? (source, line) => logger.trace({ source, line: withoutAddresses(line) }, 'mediasoup')
      : undefined,
    onwarn: (source, line) => logger.debug({ source, line: withoutAddresses(line) }, 'mediasoup'),
    onerror: (source, line, error) =>
      logger.warn({ source, line: withoutAddresses(line), ...(error && { err: error }) }, 'mediasoup'),
  });
}
