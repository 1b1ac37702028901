export class CommandFailed extends Error {
  readonly output: string;
}

export function run(
  command: string,
  args: readonly string[],
  options?: {
    cwd?: string;
    env?: NodeJS.ProcessEnv;
    signal?: AbortSignal;
    onLine?: (line: string) => boolean;
  },
): Promise<string>;
