import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Runs `check` with a worker that valgrind watches: the first access to memory that is not the worker's, and the
 * first decision on a value that nobody set, ends it. About thirty times slower than the worker itself.
 * @throws what `check` throws, with valgrind's finding as the cause where there is one
 */
export async function underMemcheck<T>(
  workerBin: string,
  check: (watchedBin: string) => Promise<T>,
): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), 'watershed-memcheck-'));
  const watched = join(dir, 'mediasoup-worker');
  const options = [
    '--quiet',
    '--error-exitcode=99',
    '--exit-on-first-error=yes',
    `--log-file=${join(dir, 'finding.%p')}`,
  ];
  writeFileSync(watched, `#!/bin/sh\nexec valgrind ${options.join(' ')} '${workerBin}' "$@"\n`, {
    mode: 0o755,
  });
  try {
    return await check(watched);
  } catch (error) {
    const findings = readdirSync(dir)
      .filter((file) => file.startsWith('finding.'))
      .map((file) => readFileSync(join(dir, file), 'utf8').trim())
      .filter((text) => text !== '');
    if (findings.length === 0) throw error;
    throw new Error(`valgrind found:\n${findings.join('\n')}`, { cause: error });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
