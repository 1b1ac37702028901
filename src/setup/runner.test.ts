import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeStamp } from './stamp.mjs';
import { countTests } from './test-count.mjs';

// A checkout in which the scripts are real and the tools they call are stand-ins.
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'watershed-runner-'));
  cpSync(import.meta.dirname, join(root, 'src/setup'), { recursive: true });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(path: string, content: string): void {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}

function report(passed: number, failed: number): object {
  const tests = [...Array<string>(passed).fill('passed'), ...Array<string>(failed).fill('failed')];
  return {
    numPassedTests: passed,
    numFailedTests: failed,
    testResults: [
      {
        name: 'a.test.ts',
        status: failed ? 'failed' : 'passed',
        message: '',
        assertionResults: tests.map((status) => ({ status })),
      },
    ],
  };
}

describe('counting tests', () => {
  const broken = { name: 'b.test.ts', status: 'failed', message: 'cannot load\nat x', assertionResults: [] };
  it.each<[string, object | string, boolean, number, number, string[]]>([
    ['all passed', report(3, 0), true, 3, 0, []],
    ['one failed', report(2, 1), false, 2, 1, []],
    [
      'a file could not be loaded',
      { ...report(2, 0), testResults: [broken] },
      false,
      2,
      0,
      ['b.test.ts could not be run: cannot load'],
    ],
    ['no test', { ...report(0, 0), testResults: [] }, true, 0, 0, ['no test ran']],
    [
      'an error outside of the tests',
      report(3, 0),
      false,
      3,
      0,
      ['vitest reports an error outside of any test'],
    ],
    ['no results', '', false, 0, 0, ['vitest left no results']],
  ])('%s', (_name, text, ok, passed, failed, problems) => {
    expect(countTests(typeof text === 'string' ? text : JSON.stringify(text), ok)).toEqual({
      passed,
      failed,
      problems,
    });
  });
});

describe('the test runner', () => {
  function tools({ lint = 0, types = 0, tests = report(3, 0), testsCode = 0 }): void {
    write('node_modules/@biomejs/biome/bin/biome', `console.log('linting'); process.exit(${lint})`);
    write('node_modules/typescript/bin/tsc', `console.log('typing'); process.exit(${types})`);
    write(
      'node_modules/vitest/vitest.mjs',
      `import { writeFileSync } from 'node:fs';
       const file = process.argv.find((arg) => arg.startsWith('--outputFile.json=')).split('=')[1];
       writeFileSync(file, ${JSON.stringify(JSON.stringify(tests))});
       console.log('testing', process.argv.slice(-1)[0]);
       process.exit(${testsCode});`,
    );
  }

  function runTests(...args: string[]): { code: number | null; out: string; last: string | undefined } {
    const { status, stdout } = spawnSync(process.execPath, [join(root, 'src/setup/test.mjs'), ...args], {
      encoding: 'utf8',
    });
    return { code: status, out: stdout, last: stdout.trimEnd().split('\n').at(-1) };
  }

  it('ends with the counts alone on a line', () => {
    tools({});
    expect(runTests()).toMatchObject({ code: 0, last: '3 passed, 0 failed' });
  });

  it.each([
    ['a failed test', { tests: report(2, 1), testsCode: 1 }, '2 passed, 1 failed'],
    ['lint', { lint: 1 }, '3 passed, 1 failed'],
    [
      'lint, types and a test',
      { lint: 1, types: 2, tests: report(2, 1), testsCode: 1 },
      '2 passed, 3 failed',
    ],
    ['no test at all', { tests: { ...report(0, 0), testResults: [] } }, '0 passed, 1 failed'],
  ])('fails for %s', (_name, outcome, last) => {
    tools(outcome);
    expect(runTests()).toMatchObject({ code: 1, last });
  });

  it('runs only the tests that were named', () => {
    tools({ lint: 1 });
    const { code, out } = runTests('src/policy');
    expect(code).toBe(0);
    expect(out).toContain('testing src/policy');
    expect(out).not.toContain('linting');
  });
});

describe('npm start', () => {
  let child: ChildProcess | undefined;
  afterEach(() => {
    child?.kill('SIGKILL');
  });

  it('becomes the node, so that a signal reaches it, and its arguments too', async () => {
    write('package-lock.json', '');
    write('workers/worker', '');
    write('node_modules/.package-lock.json', '');
    write(
      'src/cli/watershed.mjs',
      `const alive = setInterval(() => {}, 1000);
       process.on('SIGTERM', () => { console.log('closing'); clearInterval(alive); });
       console.log(JSON.stringify({ pid: process.pid, args: process.argv.slice(2) }));`,
    );
    writeStamp(root, 'start', join(root, 'workers/worker'));
    child = spawn(
      'sh',
      ['-c', 'exec "$0" "$@"', process.execPath, join(root, 'src/setup/setup.mjs'), 'start', '--port', '1'],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    let out = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      out += text;
      if (text.includes('args')) child?.kill('SIGTERM');
    });
    const [code] = await once(child, 'close');
    expect(code).toBe(0);
    expect(out).toBe(`${JSON.stringify({ pid: child.pid, args: ['node', '--port', '1'] })}\nclosing\n`);
  });
});
