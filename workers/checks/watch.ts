import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Something that ends a worker at the first thing it does wrong with its memory, and writes down what that was. */
export interface Watch {
  readonly name: string;
  /**
   * Shell commands that end by running the worker, with findings in files that begin with `log`, where the watch
   * can write any itself.
   */
  script(workerBin: string, log: string): string;
}

/** valgrind, for any worker: what is not the worker's memory, and decisions on values that nobody set. */
export const memcheck: Watch = {
  name: 'valgrind',
  script: (workerBin, log) =>
    `exec valgrind --quiet --error-exitcode=99 --exit-on-first-error=yes --log-file='${log}.%p' '${workerBin}' "$@"`,
};

/** What a worker of sanitized.ts finds about itself: ten times faster than valgrind, and undefined behaviour too. */
export const sanitizers: Watch = {
  name: 'the sanitizers',
  script: (workerBin, log) =>
    [
      // It ends without freeing everything, as mediasoup's own does; what grows while it runs is for a soak.
      `export ASAN_OPTIONS='exitcode=99:detect_leaks=0:detect_stack_use_after_return=1:log_path=${log}.address'`,
      `export UBSAN_OPTIONS='halt_on_error=1:print_stacktrace=1:log_path=${log}.undefined'`,
      // Linked together with the other, UBSan takes no heed of its log_path and reports on stderr.
      `exec '${workerBin}' "$@" 2>>'${log}.stderr'.$$`,
    ].join('\n'),
};

/**
 * Runs `check` with a worker that is watched.
 * @throws what `check` throws; a finding in its place, where there is one, whether `check` noticed it or not
 */
export async function underWatch<T>(
  watch: Watch,
  workerBin: string,
  check: (watchedBin: string) => Promise<T>,
): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), 'watershed-watch-'));
  const watched = join(dir, 'mediasoup-worker');
  writeFileSync(watched, `#!/bin/sh\n${watch.script(workerBin, join(dir, 'finding'))}\n`, { mode: 0o755 });
  const findings = (): string[] =>
    readdirSync(dir)
      .filter((file) => file.startsWith('finding.'))
      .map((file) => readFileSync(join(dir, file), 'utf8').trim())
      .filter((text) => text !== '');
  try {
    const outcome = await check(watched).catch((cause: unknown) => {
      const found = findings();
      throw found.length === 0 ? cause : new Error(`${watch.name} found:\n${found.join('\n')}`, { cause });
    });
    const found = findings();
    if (found.length > 0) throw new Error(`${watch.name} found:\n${found.join('\n')}`);
    return outcome;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
