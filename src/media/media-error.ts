import { errors } from 'mediasoup';
import { type ErrorCode, WatershedError } from '../protocol/errors.ts';

const MAX_DETAIL = 160;

/** Whether a call failed because its worker died or was closed meanwhile. */
export function isWorkerGone(error: unknown): boolean {
  return error instanceof errors.WorkerClosedError;
}

/**
 * Gives an error of mediasoup its code of the catalogue. `otherwise` is what any other error of the worker
 * means where it was thrown: the worker reports, for one, a clash of SSRCs as a plain Error.
 */
export function asWatershedError(error: unknown, otherwise: ErrorCode = 'internal'): WatershedError {
  if (error instanceof WatershedError) return error;
  if (isWorkerGone(error)) return new WatershedError('worker_unavailable', undefined, { cause: error });
  if (error instanceof errors.NotFoundError)
    return new WatershedError('not_found', undefined, { cause: error });
  const code =
    error instanceof errors.UnsupportedError || error instanceof TypeError ? 'unsupported_media' : otherwise;
  // What went wrong inside is for the log (as the cause); what does not fit in a request is for the asker.
  const detail =
    code === 'internal' || !(error instanceof Error) ? undefined : error.message.slice(0, MAX_DETAIL);
  return new WatershedError(code, detail, { cause: error });
}
