import { writeSync } from 'node:fs';
import type { DestinationStream } from 'pino';

/** Where lines of a log go. */
export interface LogOutput extends DestinationStream {
  /** Null while all lines arrive; what an operator should know otherwise. Names no file. */
  problem(): string | null;
}

/** Lines that wait, in bytes; more than that are lost. */
const MAX_WAITING_BYTES = 1024 * 1024;
/** Until lines that wait are tried again, if none comes meanwhile, in ms. */
const RETRY_MS = 200;
/** For lines that wait when the process ends and whose reader is slow, in ms. */
const LAST_WORDS_MS = 500;

/**
 * Standard error, or another open file, by its descriptor. Writes are synchronous, so that the last words of a
 * process are not lost. What cannot be written (a full disk, a reader that does not read) waits, within bounds: a log
 * that is broken ends no call. Never throws.
 */
export function logOutput(descriptor = 2, maxWaitingBytes = MAX_WAITING_BYTES): LogOutput {
  const waiting: Buffer[] = [];
  let waitingBytes = 0;
  let failed: string | null = null;
  let lost = 0;
  let retrying = false;
  let watchingExit = false;

  const flush = (): void => {
    for (let first = waiting[0]; first !== undefined; first = waiting[0]) {
      try {
        const written = writeSync(descriptor, first);
        waitingBytes -= written;
        if (written < first.length) waiting[0] = first.subarray(written);
        else waiting.shift();
      } catch (error) {
        failed = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
        return;
      }
    }
    failed = null;
  };
  const lastWords = (): void => {
    const end = performance.now() + LAST_WORDS_MS;
    for (flush(); failed === 'EAGAIN' && performance.now() < end; flush()) pause(10);
  };
  const flushLater = (): void => {
    if (!watchingExit) process.once('exit', lastWords);
    watchingExit = true;
    if (retrying) return;
    retrying = true;
    setTimeout(() => {
      retrying = false;
      flush();
      if (waiting.length > 0) flushLater();
    }, RETRY_MS).unref();
  };
  return {
    write(line) {
      const bytes = Buffer.from(line);
      if (waitingBytes + bytes.length > maxWaitingBytes) flush();
      if (waitingBytes + bytes.length > maxWaitingBytes) {
        lost += 1;
        return;
      }
      waiting.push(bytes);
      waitingBytes += bytes.length;
      flush();
      if (waiting.length > 0) flushLater();
    },
    problem() {
      if (failed !== null) return `the log cannot be written (${failed})`;
      return lost === 0 ? null : `${lost} lines of the log were lost`;
    },
  };
}

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
