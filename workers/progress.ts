/** What is being done about the worker, for people who wait. */
export interface Progress {
  readonly phase: 'source' | 'prepare' | 'compile' | 'verify' | 'wait' | 'download';
  /** Of the phase; only `compile` knows it. */
  readonly percent?: number;
  /** Something that people should know, and that stops nothing. */
  readonly warning?: string;
}

/** Told of each step. */
export type OnProgress = (progress: Progress) => void;
