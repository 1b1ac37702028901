export function packagesAreInstalled(root: string, options: { dev: boolean }): boolean;
export function installPackages(root: string, signal: AbortSignal): Promise<void>;
