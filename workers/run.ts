import { spawn } from 'node:child_process';

/** How a tool is run. */
export interface RunOptions {
  readonly cwd: string;
  readonly signal?: AbortSignal | undefined;
  /** Added to this process's environment. */
  readonly env?: NodeJS.ProcessEnv;
  /** Told of each line of output. */
  readonly onLine?: ((line: string) => void) | undefined;
  /** What the tool reads. */
  readonly stdin?: string;
}

/** A tool that did not succeed, with its last words. */
export class ToolFailed extends Error {
  override readonly name = 'ToolFailed';
  readonly output: string;

  constructor(message: string, output: string) {
    super(message);
    this.output = output;
  }
}

/**
 * Runs a tool; its output counts only when it fails. An abort ends it with SIGTERM and rejects with the
 * signal's reason.
 * @throws ToolFailed
 */
export async function run(command: string, args: readonly string[], options: RunOptions): Promise<void> {
  const { cwd, signal, env, onLine, stdin } = options;
  signal?.throwIfAborted();
  // SIGTERM makes ninja end its compilers and remove what they had half written.
  const child = spawn(command, args, {
    cwd,
    stdio: [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    signal,
    ...(env && { env: { ...process.env, ...env } }),
  });
  // A tool that ends before it has read everything says why itself.
  child.stdin?.on('error', () => {}).end(stdin);
  let tail = '';
  let rest = '';
  const read = (text: string): void => {
    tail = (tail + text).slice(-6000);
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    if (onLine) lines.forEach(onLine);
  };
  child.stdout?.setEncoding('utf8').on('data', read);
  child.stderr?.setEncoding('utf8').on('data', read);
  const outcome = await new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, killed) => resolve(code === 0 ? undefined : `ended with ${code ?? killed}`));
  });
  signal?.throwIfAborted();
  if (outcome !== undefined) throw new ToolFailed(`${command}: ${outcome}`, tail);
}
