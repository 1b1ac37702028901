/** What is being done about the worker, for people who wait. */
export interface Progress {
  readonly phase: 'prepare' | 'compile' | 'verify' | 'wait' | 'download';
  /** Of the phase; only `compile` knows it. */
  readonly percent?: number;
}

/** Told of each step. */
export type OnProgress = (progress: Progress) => void;
