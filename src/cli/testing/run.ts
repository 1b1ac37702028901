import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../watershed.mjs', import.meta.url));
/** For a whole command on a busy machine, in ms. */
const BOUND_MS = 60_000;

export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command under test: its process, what it wrote so far, and how it ended. */
export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Outcome>;
  /** What it wrote to standard error so far. */
  stderr(): string;
  /** Resolves once standard output matches; rejects when the process ends before. */
  wrote(pattern: RegExp): Promise<RegExpExecArray>;
}

/** Starts `watershed …args` with this environment and nothing of the tests' own. Killed after `boundMs`. */
export function start(
  args: readonly string[],
  env: Record<string, string> = {},
  { script = BIN, boundMs = BOUND_MS }: { script?: string; boundMs?: number } = {},
): Running {
  const child = spawn(process.execPath, [script, ...args], {
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), boundMs);
  const out = collect(child.stdout);
  const err = collect(child.stderr);
  const ended = once(child, 'close').then(([code, signal]): Outcome => {
    clearTimeout(timer);
    return { code, signal, stdout: out.text(), stderr: err.text() };
  });
  const wrote = async (pattern: RegExp): Promise<RegExpExecArray> => {
    const end = ended.then((outcome) => outcome);
    for (;;) {
      const match = pattern.exec(out.text());
      if (match !== null) return match;
      const outcome = await Promise.race([end, out.more()]);
      if (outcome !== undefined && !pattern.test(out.text())) {
        throw new Error(`ended before it wrote ${pattern}: ${JSON.stringify(outcome)}`);
      }
    }
  };
  return { child, ended, wrote, stderr: err.text };
}

/** Runs `watershed …args` to its end. */
export function run(args: readonly string[], env: Record<string, string> = {}): Promise<Outcome> {
  return start(args, env).ended;
}

function collect(stream: NodeJS.ReadableStream | null): { text(): string; more(): Promise<undefined> } {
  if (stream === null) throw new Error('no stream');
  let text = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  return {
    text: () => text,
    more: async () => {
      await Promise.race([once(stream, 'data'), once(stream, 'close')]);
      return undefined;
    },
  };
}
