/**
 * Mutation: every operator, condition and branch of what decides is changed, one at a time, in a copy of the tree,
 * and some test has to fail. Run: `node --import tsx src/policy/testing/mutate.ts [file.ts…]`; exit 1 when one
 * survives that is not on the list of equivalents below. Takes some minutes: it is no part of `npm test`.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';

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
const QUICK = ['allowed', 'label', 'admission', 'routing', 'room', 'prove', 'diff', 'questions'];
const SLOW = ['properties', 'worlds'];

/** Mutants that behave as the original does, and why. Keyed by `file: original → mutated`. */
const EQUIVALENT: ReadonlyMap<string, string> = new Map([
  ['allowed.ts: c === undefined → false', 'an index that is not a number finds no cell of the table'],
  ['allowed.ts: d === undefined → false', 'an index that is not a number finds no cell of the table'],
  ['allowed.ts: c === undefined || d === undefined → true', 'told afresh instead of from the cache'],
  ['allowed.ts: explanation === undefined → true', 'told afresh instead of from the cache'],
  ['allowed.ts: + → -', 'cells of the cache are as distinct counted back as counted on'],
  ['label.ts: evidence.country === null → false', 'no region has the country null'],
  ['allowed.ts: told === undefined → true', 'told afresh instead of from the cache'],
]);

interface Mutant {
  readonly file: string;
  readonly start: number;
  readonly end: number;
  readonly original: string;
  readonly text: string;
  readonly line: number;
}

const BINARY: Readonly<Record<string, readonly string[]>> = {
  '===': ['!=='],
  '!==': ['==='],
  '&&': ['||'],
  '||': ['&&'],
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '+': ['-'],
  '-': ['+'],
};
const METHODS: Readonly<Record<string, string>> = { some: 'every', every: 'some' };

function mutantsOf(file: string, text: string): Mutant[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2023, true);
  const found: Mutant[] = [];
  const add = (node: ts.Node, mutated: string) => {
    const start = node.getStart(source);
    const original = text.slice(start, node.end);
    const line = source.getLineAndCharacterOfPosition(start).line + 1;
    found.push({ file, start, end: node.end, original, text: mutated, line });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isTypeNode(node) || ts.isInterfaceDeclaration(node) || ts.isImportDeclaration(node)) return;
    if (ts.isBinaryExpression(node)) {
      const operator = node.operatorToken.getText(source);
      for (const other of BINARY[operator] ?? []) {
        // Text is put together with +, and no difference of strings means anything.
        if (operator === '+' && /['"`]/.test(node.getText(source))) continue;
        add(node.operatorToken, other);
      }
    }
    if (ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.ExclamationToken)
      add(node, node.operand.getText(source));
    if (ts.isIfStatement(node)) for (const value of ['true', 'false']) add(node.expression, value);
    if (ts.isConditionalExpression(node)) for (const value of ['true', 'false']) add(node.condition, value);
    if (node.kind === ts.SyntaxKind.TrueKeyword) add(node, 'false');
    if (node.kind === ts.SyntaxKind.FalseKeyword) add(node, 'true');
    if (ts.isPropertyAccessExpression(node)) {
      const other = METHODS[node.name.text];
      if (other !== undefined) add(node.name, other);
    }
    if (
      ts.isCallExpression(node) &&
      ts.isPropertyAccessExpression(node.expression) &&
      node.expression.name.text === 'filter'
    ) {
      add(node, node.expression.expression.getText(source));
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

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

/** Whether some test fails; a run that does not end counts as one that does. */
function killed(dir: string, tests: readonly string[]): boolean {
  const files = tests.map((name) => `src/policy/${name}.test.ts`);
  const args = [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', '--bail=1', '--reporter=dot', ...files];
  const run = spawnSync(process.execPath, args, { cwd: dir, timeout: 240_000, stdio: 'ignore' });
  return run.status !== 0;
}

function main(): void {
  const chosen = process.argv.slice(2);
  const dir = copyTree();
  try {
    if (killed(dir, [...QUICK, ...SLOW])) throw new Error('the tests fail without any mutation');
    let count = 0;
    const survivors: Mutant[] = [];
    for (const file of chosen.length > 0 ? chosen : FILES) {
      const path = join(dir, 'src/policy', file);
      const text = readFileSync(path, 'utf8');
      for (const mutant of mutantsOf(file, text)) {
        count++;
        writeFileSync(path, text.slice(0, mutant.start) + mutant.text + text.slice(mutant.end));
        if (!killed(dir, QUICK) && !killed(dir, SLOW)) {
          const key = `${file}:${mutant.line} ${mutant.original} → ${mutant.text}`;
          const why = EQUIVALENT.get(`${file}: ${mutant.original} → ${mutant.text}`);
          process.stdout.write(
            `${why === undefined ? 'SURVIVED' : 'equivalent'} ${key}${why === undefined ? '' : ` (${why})`}\n`,
          );
          if (why === undefined) survivors.push(mutant);
        }
      }
      writeFileSync(path, text);
      process.stdout.write(`${file}: done, ${count} mutants so far\n`);
    }
    process.stdout.write(`${count} mutants, ${survivors.length} survived\n`);
    process.exitCode = survivors.length === 0 ? 0 : 1;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

main();
