// What `npm test` runs once set-up is done: formatter and linter, types, tests. With arguments only the tests
// that they name. The last line of its output is `N passed, N failed`, and nothing else.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { duration } from './report.mjs';
import { countTests } from './test-count.mjs';

const root = dirname(dirname(import.meta.dirname));
const filters = process.argv.slice(2);
const scratch = mkdtempSync(join(tmpdir(), 'watershed-test-'));
const results = join(scratch, 'results.json');

/** Runs a tool of node_modules with our own output. */
async function step(name, script, args) {
  const begun = performance.now();
  process.stdout.write(`\n${name}\n`);
  const child = spawn(process.execPath, [join(root, 'node_modules', script), ...args], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const code = await new Promise((resolve) => {
    child.once('error', () => resolve(1));
    child.once('close', (status) => resolve(status ?? 1));
  });
  return { ok: code === 0, took: duration(performance.now() - begun) };
}

const failures = [];
if (filters.length === 0) {
  const checks = [
    ['lint and format', '@biomejs/biome/bin/biome', ['check', '.']],
    ['types', 'typescript/bin/tsc', ['--noEmit']],
  ];
  for (const [name, script, args] of checks) {
    const { ok, took } = await step(name, script, args);
    process.stdout.write(`${name}: ${ok ? 'ok' : 'FAILED'} (${took})\n`);
    if (!ok) failures.push(name);
  }
}
const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${results}`];
const { ok: testsOk } = await step('tests', 'vitest/vitest.mjs', ['run', ...reporters, ...filters]);
let text;
try {
  text = readFileSync(results, 'utf8');
} catch {
  text = '';
}
rmSync(scratch, { recursive: true, force: true });

const count = countTests(text, testsOk);
failures.push(...count.problems);
for (const failure of failures) process.stdout.write(`failed beside the tests: ${failure}\n`);
const failed = count.failed + failures.length;
process.stdout.write(`${count.passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;
