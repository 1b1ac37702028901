import ts from 'typescript';

/** One change of a file of `src/policy`. */
export interface Mutant {
  readonly file: string;
  readonly start: number;
  readonly end: number;
  readonly original: string;
  readonly text: string;
  readonly line: number;
  /** The lines it stands in, with `{original → mutated}` in them. */
  readonly inLines: string;
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

/** Every mutant of a file: operators, conditions, branches, `some` and `every`, and filters left out. */
export function mutantsOf(file: string, text: string): Mutant[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2023, true);
  const found: Mutant[] = [];
  const add = (node: ts.Node, mutated: string) => {
    const start = node.getStart(source);
    const original = text.slice(start, node.end);
    const line = source.getLineAndCharacterOfPosition(start).line + 1;
    const from = text.lastIndexOf('\n', start) + 1;
    const to = text.indexOf('\n', node.end);
    const rest = text.slice(node.end, to === -1 ? undefined : to);
    const inLines = `${text.slice(from, start)}{${original} → ${mutated}}${rest}`.replace(/\s+/g, ' ').trim();
    found.push({ file, start, end: node.end, original, text: mutated, line, inLines });
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

/** What the list of equivalents knows a mutant by. */
export function keyOf({ file, inLines }: Mutant): string {
  return `${file}: ${inLines}`;
}
