/** Stable codes of what can go wrong between a checkout and a worker that may be trusted. */
export type WorkerErrorCode =
  | 'worker_explicit_unusable'
  | 'worker_not_found'
  | 'worker_tools_missing'
  | 'worker_build_failed'
  | 'worker_download_failed'
  | 'worker_self_test_failed';

/** Says what failed and, in its message, what to do about it. */
export class WorkerError extends Error {
  override readonly name = 'WorkerError';
  readonly code: WorkerErrorCode;

  constructor(code: WorkerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
