export interface Requirement {
  name: string;
  package: string;
}

export interface Requirements {
  commands: Requirement[];
  headers: Requirement[];
}

export function buildRequirements(root: string): Requirements;
export const clusterRequirements: Requirements;
export const testRequirements: Requirements;
export function missingPackages(requirements: Requirements[], env?: NodeJS.ProcessEnv): string[];
export function installDebianPackages(packages: readonly string[], signal: AbortSignal): Promise<void>;
