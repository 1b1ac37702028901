import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

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
 * Runs a command and resolves with its output's two ends.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, signal?: AbortSignal, onLine?: (line: string) => boolean }} [options]
 *   `onLine` is told of each line, and answers whether the line has done its duty and need not be kept
 * @returns {Promise<string>}
 * @throws {CommandFailed}
 */
export async function run(command, args, options = {}) {
  options.signal?.throwIfAborted();
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    signal: options.signal,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const kept = { head: '', tail: '' };
  const done = [child.stdout, child.stderr].map(async (stream) => {
    for await (const line of createInterface({ input: stream })) {
      if (!options.onLine?.(line)) keep(kept, `${line}\n`);
    }
  });
  const outcome = await new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(code === 0 ? undefined : `ended with ${code ?? signal}`));
  });
  await Promise.all(done);
  options.signal?.throwIfAborted();
  const output = kept.tail === '' ? kept.head : `${kept.head}…\n${kept.tail}`;
  if (outcome !== undefined) throw new CommandFailed(`${command} ${args[0] ?? ''} ${outcome}`, output);
  return output;
}

/** The cause of a failure is mostly at the end, but npm puts its usage after it. */
function keep(kept, text) {
  if (kept.tail === '' && kept.head.length + text.length <= KEPT) kept.head += text;
  else kept.tail = (kept.tail + text).slice(-KEPT);
}
