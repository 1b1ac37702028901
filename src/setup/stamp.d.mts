export function isStamped(root: string, mode: string): boolean;
export function writeStamp(root: string, mode: string, workerPath: string): void;
