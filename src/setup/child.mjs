import { spawn } from 'node:child_process';

/** Characters of output kept from each end for an error. */
const KEPT = 3000;

/** A command that did not succeed, with its last words. */
export class CommandFailed extends Error {
  /** @param {string} message @param {string} output */
  constructor(message, output) {
    super(message);
    this.name = 'CommandFailed';
    this.output = output;
  }
}

/**
 * Runs a command, hands each line of its output to `onLine`, and keeps both ends of it for an error.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, signal?: AbortSignal, onLine?: (line: string) => void }} [options]
 */
export async function run(command, args, options = {}) {
  options.signal?.throwIfAborted();
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    signal: options.signal,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let head = '';
  let tail = '';
  for (const stream of [child.stdout, child.stderr]) {
    let rest = '';
    stream.setEncoding('utf8').on('data', (text) => {
      // The cause is mostly at the end, but npm puts its usage after it.
      const room = Math.max(0, KEPT - head.length);
      head += text.slice(0, room);
      tail = (tail + text.slice(room)).slice(-KEPT);
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      if (options.onLine) lines.forEach(options.onLine);
    });
  }
  const outcome = await new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(code === 0 ? undefined : `ended with ${code ?? signal}`));
  });
  options.signal?.throwIfAborted();
  if (outcome !== undefined)
    throw new CommandFailed(
      `${command} ${args[0] ?? ''} ${outcome}`,
      tail === '' ? head : `${head}\n…\n${tail}`,
    );
}
