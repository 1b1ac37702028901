import { type Document, isAlias, isMap, isPair, isScalar, isSeq, parseAllDocuments } from 'yaml';
import type { Fault, Path, Position, Positions } from './model.ts';

/**
 * A YAML 1.2 document as a tree in which everything knows where it stands. `at` is an offset into the text;
 * what an alias brought in stands where the alias is used, because that is the line to edit.
 */
export type Tree =
  | { readonly kind: 'scalar'; readonly at: number; readonly value: string | number | boolean | null }
  | { readonly kind: 'seq'; readonly at: number; readonly items: readonly Tree[] }
  | { readonly kind: 'map'; readonly at: number; readonly entries: ReadonlyMap<string, Entry> }
  /** Already remarked on; it stands for the value so that nothing is said to be missing. */
  | { readonly kind: 'broken'; readonly at: number };

export interface Entry {
  /** Offset of the key. */
  readonly at: number;
  readonly value: Tree;
}

/** A finding at an offset, before it is given a line. */
export interface Remark {
  readonly at: number;
  readonly code: string;
  readonly message: string;
}

/** Bounds against documents made to exhaust the reader; a policy of 1000 datacenters is far below each. */
export const LIMITS = {
  /** UTF-16 code units of text. */
  text: 2 * 1024 * 1024,
  depth: 24,
  /** Nodes that aliases may bring in, over the whole document. */
  expanded: 200_000,
} as const;

/** Reads one document. `root` is null when nothing usable was found, and then `remarks` says why. */
export function readTree(text: string): { root: Tree | null; remarks: Remark[] } {
  if (text.length > LIMITS.text) {
    return {
      root: null,
      remarks: [{ at: 0, code: 'too-large', message: `larger than ${LIMITS.text} characters` }],
    };
  }
  const binary = firstUnprintable(text);
  if (binary !== null) {
    const unit = text.charCodeAt(binary).toString(16).padStart(4, '0');
    return {
      root: null,
      remarks: [{ at: binary, code: 'binary', message: `not text: character U+${unit}` }],
    };
  }
  const bare = /\r(?!\n)/.exec(text);
  if (bare !== null) {
    const message =
      'a carriage return without a line feed: other readers end the line here, and read another policy';
    return { root: null, remarks: [{ at: bare.index, code: 'line-break', message }] };
  }
  const deep = tooDeep(text);
  if (deep !== null) {
    return {
      root: null,
      remarks: [{ at: deep, code: 'too-deep', message: `nested deeper than ${LIMITS.depth}` }],
    };
  }
  // uniqueKeys is off because its comparison is quadratic; duplicates are found below.
  const documents = parseAllDocuments(text, { version: '1.2', uniqueKeys: false, prettyErrors: false });
  if (!Array.isArray(documents) || documents[0] === undefined) {
    return { root: null, remarks: [{ at: 0, code: 'empty', message: 'empty: there is no policy in it' }] };
  }
  return new TreeReader().read(documents, documents[0]);
}

/** Offset of the first character that YAML does not allow unescaped: most of C0, DEL, U+FFFE and U+FFFF. */
function firstUnprintable(text: string): number | null {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x20 && unit < 0x7f) continue;
    if (unit === 0x09 || unit === 0x0a || unit === 0x0d) continue;
    if (unit < 0x20 || unit === 0x7f || unit >= 0xfffe) return i;
  }
  return null;
}

/**
 * Offset at which brackets nest far deeper than allowed, however they are quoted: a cheap bound on the recursion
 * of the YAML parser, which would otherwise exhaust the stack. A policy nests three brackets.
 */
function tooDeep(text: string): number | null {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === 0x5b || unit === 0x7b) {
      if (++depth > 250) return i;
    } else if (unit === 0x5d || unit === 0x7d) depth = Math.max(0, depth - 1);
  }
  return null;
}

class TreeReader {
  readonly #remarks: Remark[] = [];
  /** Anchors defined so far, in document order; null while the anchored node is still being read. */
  readonly #anchors = new Map<string, unknown>();
  readonly #open = new Set<unknown>();
  #expanded = 0;

  read(documents: readonly Document.Parsed[], first: Document.Parsed) {
    for (const problem of documents.flatMap((d) => [...d.errors, ...d.warnings])) {
      // The parser gives up on nesting when the stack does.
      const deep = /call stack/i.test(problem.message);
      const message = deep ? `nested deeper than ${LIMITS.depth}` : oneLine(problem.message);
      this.#remark(problem.pos[0], deep ? 'too-deep' : 'syntax', message);
    }
    if (this.#remarks.length > 0) return { root: null, remarks: this.#remarks };
    const second = documents[1];
    if (second !== undefined) {
      this.#remark(second.range[0], 'documents', 'a second YAML document: one file holds one policy');
    }
    if (first.directives.yaml.version !== '1.2') {
      this.#remark(0, 'yaml-version', 'a policy is YAML 1.2: in 1.1, NO would be false and not Norway');
    }
    if (first.contents === null || (isScalar(first.contents) && first.contents.value === null)) {
      this.#remark(0, 'empty', 'empty: there is no policy in it');
      return { root: null, remarks: this.#remarks };
    }
    const root = this.#node(first.contents, null, 0);
    return { root, remarks: this.#remarks };
  }

  #remark(at: number, code: string, message: string): Tree {
    this.#remarks.push({ at, code, message });
    return { kind: 'broken', at };
  }

  /** `used` is the offset of the alias through which the node is reached, if it is. */
  #node(node: unknown, used: number | null, depth: number): Tree {
    const at = used ?? offset(node);
    if (depth > LIMITS.depth) return this.#remark(at, 'too-deep', `nested deeper than ${LIMITS.depth}`);
    if (used !== null && ++this.#expanded > LIMITS.expanded) {
      // Said once: the rest of the document is no longer read.
      return this.#expanded === LIMITS.expanded + 1
        ? this.#remark(at, 'too-many-aliases', `aliases bring in more than ${LIMITS.expanded} values`)
        : { kind: 'broken', at };
    }
    if (isAlias(node)) {
      const target = this.#anchors.get(node.source);
      if (target === undefined)
        return this.#remark(at, 'alias', `no anchor &${node.source} before this alias`);
      if (this.#open.has(target)) return this.#remark(at, 'alias', `*${node.source} would contain itself`);
      return this.#node(target, at, depth + 1);
    }
    if (isScalar(node) || isSeq(node) || isMap(node)) {
      if (node.tag !== undefined) {
        return this.#remark(at, 'tag', `the tag ${node.tag}: a policy has none, put quotes around a string`);
      }
      if (node.anchor !== undefined && used === null) this.#anchors.set(node.anchor, node);
    }
    if (isScalar(node)) return this.#scalar(node.value, at);
    if (!isSeq(node) && !isMap(node)) {
      return node === null ? { kind: 'scalar', at, value: null } : this.#remark(at, 'type', 'not a value');
    }
    this.#open.add(node);
    const tree = isSeq(node)
      ? this.#seq(node.items, at, used, depth)
      : this.#map(node.items, at, used, depth);
    this.#open.delete(node);
    return tree;
  }

  #scalar(value: unknown, at: number): Tree {
    if (
      value === null ||
      typeof value === 'string' ||
      typeof value === 'number' ||
      typeof value === 'boolean'
    ) {
      return { kind: 'scalar', at, value };
    }
    return this.#remark(at, 'type', 'a kind of value that a policy does not have');
  }

  #seq(nodes: readonly unknown[], at: number, used: number | null, depth: number): Tree {
    const items: Tree[] = [];
    for (const node of nodes) {
      // `[a: b]` is a list of one-entry maps; the parser gives the bare pair.
      items.push(
        isPair(node)
          ? this.#remark(used ?? offset(node.key), 'type', 'a key in a list')
          : this.#node(node, used, depth + 1),
      );
    }
    return { kind: 'seq', at, items };
  }

  #map(pairs: readonly unknown[], at: number, used: number | null, depth: number): Tree {
    const entries = new Map<string, Entry>();
    for (const pair of pairs) {
      if (!isPair(pair)) continue;
      const keyAt = used ?? offset(pair.key);
      const key = this.#node(pair.key, used, depth + 1);
      let value: Tree =
        pair.value === null
          ? { kind: 'scalar', at: keyAt, value: null }
          : this.#node(pair.value, used, depth + 1);
      if (value.kind === 'scalar' && value.value === null) value = { ...value, at: keyAt };
      if (key.kind === 'broken') continue;
      if (key.kind !== 'scalar' || typeof key.value !== 'string') {
        const shown = key.kind === 'scalar' ? String(key.value) : key.kind === 'map' ? 'a map' : 'a list';
        this.#remark(keyAt, 'key', `the key ${shown} is not a string: put quotes around it`);
      } else if (key.value === '<<') {
        this.#remark(
          keyAt,
          'merge',
          'YAML 1.2 has no merge keys: write the keys out, or alias the whole value',
        );
      } else if (entries.has(key.value)) {
        this.#remark(keyAt, 'duplicate-key', `"${key.value}" stands twice here`);
      } else entries.set(key.value, { at: keyAt, value });
    }
    return { kind: 'map', at, entries };
  }
}

function offset(node: unknown): number {
  if (isScalar(node) || isSeq(node) || isMap(node) || isAlias(node)) return node.range?.[0] ?? 0;
  return 0;
}

function oneLine(message: string): string {
  return message.replace(/\s+/g, ' ').trim();
}

/** Turns offsets into lines and columns. */
export class Lines {
  readonly #starts: number[] = [0];
  readonly #mark: number;

  constructor(text: string) {
    // A byte order mark is no column that an editor shows.
    this.#mark = text.startsWith('\ufeff') ? 1 : 0;
    for (let i = text.indexOf('\n'); i !== -1; i = text.indexOf('\n', i + 1)) this.#starts.push(i + 1);
  }

  at(offset: number): Position {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    const column = offset - (this.#starts[low] ?? 0) + 1 - (low === 0 ? this.#mark : 0);
    return { line: low + 1, column: Math.max(1, column) };
  }
}

/** Gives remarks their file and line, in the order of the document. */
export function toFaults(file: string, lines: Lines, remarks: readonly Remark[]): Fault[] {
  return remarks
    .toSorted((a, b) => a.at - b.at)
    .map(({ at, code, message }) => ({ file, ...lines.at(at), code, message }));
}

/** Positions of everything that is written in the document. */
export function positionsOf(file: string, lines: Lines, root: Tree): Positions {
  const find = (path: Path): { key: number; value: number } => {
    let tree = root;
    let found = { key: 0, value: 0 };
    for (const step of path) {
      const entry: { at: number; value: Tree } | undefined =
        tree.kind === 'map' ? tree.entries.get(String(step)) : item(tree, step);
      if (entry === undefined) return { key: found.key, value: found.key };
      tree = entry.value;
      found = { key: entry.at, value: tree.at };
    }
    return found;
  };
  return { file, key: (path) => lines.at(find(path).key), value: (path) => lines.at(find(path).value) };
}

function item(tree: Tree, step: string | number): Entry | undefined {
  if (tree.kind !== 'seq' || typeof step !== 'number') return undefined;
  const value = tree.items[step];
  return value === undefined ? undefined : { at: value.at, value };
}
