import { stringify } from 'yaml';

/**
 * Renders the part of Helm's template language that our chart uses: values, `if`, `else`, `with`, and the functions
 * below. Whatever it does not know throws, so that the chart stays within it. It stands in for Helm, which neither
 * Debian nor npm has; it is no proof that Helm agrees.
 */
export function render(template: string, context: Record<string, unknown>): string {
  const tokens = tokenize(template);
  const { text, rest } = renderBlock(tokens, context, context);
  if (rest.length > 0) throw new Error('an end too many');
  return text;
}

type Token = { readonly text: string } | { readonly action: string };

function tokenize(template: string): Token[] {
  const tokens: Token[] = [];
  let trimNext = false;
  for (const part of template.split(/(\{\{.*?\}\})/s)) {
    const [, before, action = '', after] = /^\{\{(-?)\s*(.*?)\s*(-?)\}\}$/s.exec(part) ?? [];
    if (before === undefined) {
      tokens.push({ text: trimNext ? part.trimStart() : part });
      trimNext = false;
      continue;
    }
    const last = tokens.at(-1);
    if (before === '-' && last !== undefined && 'text' in last) {
      tokens[tokens.length - 1] = { text: last.text.trimEnd() };
    }
    tokens.push({ action });
    trimNext = after === '-';
  }
  return tokens;
}

/** Up to the `end` or `else` that belongs to it, which `rest` begins with. */
function renderBlock(tokens: readonly Token[], root: unknown, dot: unknown): { text: string; rest: Token[] } {
  let text = '';
  let rest = [...tokens];
  for (let token = rest.shift(); token !== undefined; token = rest.shift()) {
    if ('text' in token) {
      text += token.text;
      continue;
    }
    const { action } = token;
    if (action === 'end' || action === 'else') return { text, rest: [token, ...rest] };
    const [, kind, condition] = /^(if|with) (.+)$/s.exec(action) ?? [];
    if (kind === undefined || condition === undefined) {
      text += print(evaluate(action, root, dot));
      continue;
    }
    const value = evaluate(condition, root, dot);
    const yes = renderBlock(rest, root, kind === 'with' ? value : dot);
    const branch = yes.rest.shift();
    let no = '';
    rest = yes.rest;
    if (branch !== undefined && 'action' in branch && branch.action === 'else') {
      const other = renderBlock(rest, root, dot);
      no = other.text;
      rest = other.rest.slice(1);
    }
    text += isTrue(value) ? yes.text : no;
  }
  return { text, rest };
}

function isTrue(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
}

function print(value: unknown): string {
  return value === null || value === undefined ? '' : String(value);
}

const FUNCTIONS: Readonly<Record<string, (...args: readonly unknown[]) => unknown>> = {
  quote: (value) => JSON.stringify(String(value)),
  toYaml: (value) => stringify(value, { lineWidth: 0 }).trimEnd(),
  nindent: (count, text) =>
    `\n${String(text)
      .split('\n')
      .map((line) => `${' '.repeat(Number(count))}${line}`)
      .join('\n')}`,
  add: (...numbers) => numbers.reduce((sum: number, n) => sum + Number(n), 0),
  printf: (format, ...values) =>
    values.reduce((text: string, v) => text.replace('%s', String(v)), String(format)),
};

function evaluate(pipeline: string, root: unknown, dot: unknown): unknown {
  let piped: unknown[] = [];
  for (const stage of pipeline.split('|')) {
    const words = stage.trim().match(/"[^"]*"|\S+/g) ?? [];
    const [name = '', ...operands] = words;
    const call = FUNCTIONS[name];
    if (call === undefined) piped = [operand(name, root, dot)];
    else piped = [call(...operands.map((word) => operand(word, root, dot)), ...piped)];
  }
  return piped[0];
}

function operand(word: string, root: unknown, dot: unknown): unknown {
  if (word === '.') return dot;
  if (word.startsWith('"')) return JSON.parse(word);
  if (/^\d+$/.test(word)) return Number(word);
  if (!/^(\.[A-Za-z]+)+$/.test(word)) throw new Error(`not known here: ${word}`);
  let value = root;
  for (const key of word.slice(1).split('.')) {
    if (typeof value !== 'object' || value === null || !(key in value)) throw new Error(`no value ${word}`);
    value = Reflect.get(value, key);
  }
  return value;
}
