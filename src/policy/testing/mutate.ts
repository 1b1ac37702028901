/**
 * Mutation: every operator, condition and branch of what decides is changed, one at a time, in a copy of the tree,
 * and some test has to fail. Run: `npm run mutation [-- file.ts…]`, with `--sample N --seed S` for N of them, with
 * `--only TEXT` for those whose key on the list of equivalents has it. Exit 1 when one survives that is not on that
 * list, or only makes the tests late. The whole takes about ten minutes; `npm test` has a share.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createVitest, type TestSpecification, type Vitest } from 'vitest/node';
import { EQUIVALENT } from './equivalent-mutants.ts';
import { keyOf, mutantsOf } from './mutants.ts';

const ROOT = new URL('../../../', import.meta.url).pathname;
const FILES = [
  'fence.ts',
  'allowed.ts',
  'compile.ts',
  'label.ts',
  'admission.ts',
  'routing.ts',
  'room.ts',
  'prove.ts',
  'reach.ts',
  'diff.ts',
];
const QUICK = ['allowed', 'label', 'admission', 'routing', 'room', 'prove', 'reach', 'diff', 'questions'];
const SLOW = ['properties', 'worlds'];

/** A copy of what the tests need, which may be broken at will. */
function copyTree(): string {
  const dir = mkdtempSync(join(tmpdir(), 'watershed-mutate-'));
  for (const path of [
    'src/policy',
    'config/policies',
    'config/policy.yaml',
    'package.json',
    'tsconfig.json',
    'vitest.config.ts',
  ]) {
    cpSync(join(ROOT, path), join(dir, path), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(dir, 'node_modules'));
  return dir;
}

/** What the tests say of a mutant. One that only makes them late may be right, on a machine that is busy. */
type Verdict = 'passed' | 'failed' | 'timed out';

/** One vitest for all mutants: only what a mutant changes is loaded again. */
class Tests {
  readonly #dir: string;
  readonly #vitest: Vitest;
  readonly #quick: readonly TestSpecification[];
  readonly #slow: readonly TestSpecification[];

  private constructor(dir: string, vitest: Vitest, quick: TestSpecification[], slow: TestSpecification[]) {
    this.#dir = dir;
    this.#vitest = vitest;
    this.#quick = quick;
    this.#slow = slow;
  }

  static async start(dir: string): Promise<Tests> {
    const vitest = await createVitest('test', {
      root: dir,
      watch: false,
      pool: 'threads',
      maxWorkers: 1,
      bail: 1,
      // Slow is not wrong: on a busy machine a test that takes its time must not look like one that fails.
      testTimeout: 600_000,
      reporters: [{}],
    });
    const find = async (names: readonly string[]) =>
      vitest.globTestSpecifications(names.map((name) => `src/policy/${name}.test.ts`));
    return new Tests(dir, vitest, await find(QUICK), await find(SLOW));
  }

  /** A file is as it was. */
  restore(file: string): void {
    this.#vitest.invalidateFile(join(this.#dir, 'src/policy', file));
  }

  /** Runs the tests, the quick ones first, until one fails. */
  async run(changed: string | null): Promise<Verdict> {
    if (changed !== null) this.#vitest.invalidateFile(join(this.#dir, 'src/policy', changed));
    const quick = await this.#run(this.#quick);
    return quick === 'passed' ? this.#run(this.#slow) : quick;
  }

  async #run(specifications: readonly TestSpecification[]): Promise<Verdict> {
    const { testModules, unhandledErrors } = await this.#vitest.runTestSpecifications([...specifications]);
    if (unhandledErrors.length === 0 && testModules.every((module) => module.ok())) return 'passed';
    const tests = testModules.flatMap((module) => [...module.children.allTests('failed')]);
    const errors = tests.flatMap((test) => test.result().errors ?? []);
    const late = errors.length > 0 && errors.every(({ message }) => /timed out/i.test(message));
    return late ? 'timed out' : 'failed';
  }

  close(): Promise<void> {
    return this.#vitest.close();
  }
}

/** The same numbers for the same seed (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      sample: { type: 'string' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string', default: '' },
    },
  });
  const dir = copyTree();
  const say = (line: string) => void process.stdout.write(`${line}\n`);
  const tests = await Tests.start(dir);
  try {
    const files = positionals.length > 0 ? positionals : FILES;
    const texts = new Map(files.map((f) => [f, readFileSync(join(dir, 'src/policy', f), 'utf8')]));
    const all = [...texts]
      .flatMap(([file, text]) => mutantsOf(file, text))
      .filter((mutant) => keyOf(mutant).includes(values.only));
    const draw = random(Number(values.seed));
    const chosen =
      values.sample === undefined
        ? all
        : all
            .filter((mutant) => !EQUIVALENT.has(keyOf(mutant)))
            .map((mutant) => ({ mutant, order: draw() }))
            .sort((a, b) => a.order - b.order)
            .slice(0, Number(values.sample))
            .map(({ mutant }) => mutant);
    if ((await tests.run(null)) !== 'passed') throw new Error('the tests fail without any mutation');
    const counts = { killed: 0, equivalent: 0, survived: 0, late: 0 };
    for (const [i, mutant] of chosen.entries()) {
      const { file, line, start, end, text: mutated, original } = mutant;
      const path = join(dir, 'src/policy', file);
      const text = texts.get(file) ?? '';
      writeFileSync(path, text.slice(0, start) + mutated + text.slice(end));
      const verdict = await tests.run(file);
      writeFileSync(path, text);
      tests.restore(file);
      const equivalent = EQUIVALENT.has(keyOf(mutant));
      const where = `${file}:${line} ${original} → ${mutated}`;
      if (verdict === 'failed') {
        counts.killed += 1;
        if (equivalent) say(`NOT EQUIVALENT ${where}`);
      } else if (verdict === 'timed out') {
        counts.late += 1;
        say(`TIMED OUT ${where}`);
      } else if (equivalent) counts.equivalent += 1;
      else {
        counts.survived += 1;
        say(`SURVIVED ${where}`);
      }
      if (i % 25 === 24) say(`${i + 1} of ${chosen.length}`);
    }
    const { killed, equivalent, survived, late } = counts;
    say(
      `${chosen.length} mutants: ${killed} killed, ${equivalent} equivalent, ${survived} survived, ${late} timed out`,
    );
    process.exitCode = survived + late === 0 ? 0 : 1;
  } finally {
    await tests.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

await main();
