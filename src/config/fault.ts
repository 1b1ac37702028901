/** One thing wrong with a configuration. */
export interface ConfigFault {
  /** `FILE:LINE:COL` (1-based), or the name of an environment variable. */
  readonly where: string;
  readonly message: string;
}

/** A configuration that no node may run with; the message has one line for each fault. */
export class ConfigError extends Error {
  readonly faults: readonly ConfigFault[];

  constructor(faults: readonly ConfigFault[]) {
    super(faults.map(({ where, message }) => `${where}: ${message}`).join('\n'));
    this.name = 'ConfigError';
    this.faults = faults;
  }
}

/** Names of keys and indices of list entries, from the root. */
export type ConfigPath = readonly (string | number)[];
