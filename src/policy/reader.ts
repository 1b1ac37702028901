import { didYouMean } from './suggest.ts';
import type { Entry, Remark, Tree } from './tree.ts';

/** A string and where it stands. */
export interface Text {
  readonly at: number;
  readonly value: string;
}

type MapTree = Extract<Tree, { kind: 'map' }>;
type SeqTree = Extract<Tree, { kind: 'seq' }>;

/** What a value is, for messages. */
function kindOf(tree: Tree): string {
  if (tree.kind === 'broken') return 'broken';
  if (tree.kind === 'map') return 'a map';
  if (tree.kind === 'seq') return 'a list';
  if (tree.value === null || tree.value === '') return 'empty';
  if (typeof tree.value === 'string') return `the string ${JSON.stringify(tree.value)}`;
  return `the ${typeof tree.value} ${tree.value}`;
}

/** Takes values of the expected type out of a tree, and remarks on every one that is not of it. */
export class Reader {
  readonly remarks: Remark[] = [];
  /** Guesses still made: each is a comparison with every name. */
  #guesses = 100;

  remark(at: number, code: string, message: string): null {
    this.remarks.push({ at, code, message });
    return null;
  }

  /** `; did you mean "x"?`, or nothing. */
  hint(word: string, candidates: Iterable<string>): string {
    return this.#guesses-- > 0 ? didYouMean(word, candidates) : '';
  }

  /** A map whose keys are all known, and which has those that are required. `at` is its own key's offset. */
  record<K extends string>(
    tree: Tree,
    at: number,
    what: string,
    keys: { readonly required: readonly K[]; readonly optional: readonly K[] },
  ): ReadonlyMap<K, Entry> | null {
    const map = this.map(tree, what);
    if (map === null) return null;
    const known = [...keys.required, ...keys.optional];
    const found = new Map<K, Entry>();
    for (const [name, entry] of map.entries) {
      const key = known.find((k) => k === name);
      if (key !== undefined) found.set(key, entry);
      else this.remark(entry.at, 'unknown-key', `${what} has no key "${name}"${this.hint(name, known)}`);
    }
    for (const key of keys.required) {
      if (!found.has(key)) this.remark(at, 'missing-key', `${what} lacks the key "${key}"`);
    }
    return found;
  }

  #mistyped(tree: Tree, message: string): null {
    return tree.kind === 'broken' ? null : this.remark(tree.at, 'type', message);
  }

  map(tree: Tree, what: string): MapTree | null {
    if (tree.kind === 'map') return tree;
    return this.#mistyped(tree, `${what} must be a map, and is ${kindOf(tree)}`);
  }

  list(tree: Tree, what: string): SeqTree | null {
    if (tree.kind === 'seq') return tree;
    return this.#mistyped(tree, `${what} must be a list, and is ${kindOf(tree)}`);
  }

  /** A list of non-empty strings; what is not one is remarked on and left out. */
  strings(tree: Tree, what: string): Text[] | null {
    const list = this.list(tree, what);
    if (list === null) return null;
    return list.items.flatMap((item) => this.string(item, `an entry of ${what}`) ?? []);
  }

  string(tree: Tree, what: string): Text | null {
    if (tree.kind === 'scalar' && typeof tree.value === 'string' && tree.value !== '') {
      return { at: tree.at, value: tree.value };
    }
    return this.#mistyped(tree, `${what} must be a string, and is ${kindOf(tree)}`);
  }

  boolean(tree: Tree, what: string): boolean | null {
    if (tree.kind === 'scalar' && typeof tree.value === 'boolean') return tree.value;
    return this.#mistyped(tree, `${what} must be true or false, and is ${kindOf(tree)}`);
  }

  number(tree: Tree, what: string, fits: (value: number) => boolean, wanted: string): number | null {
    if (tree.kind === 'scalar' && typeof tree.value === 'number' && fits(tree.value)) return tree.value;
    return this.#mistyped(tree, `${what} must be ${wanted}, and is ${kindOf(tree)}`);
  }
}

const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;

/** Words that stand where a region's name could, and mean something else. */
const RESERVED = new Set(['any', 'refuse', 'both', 'private']);

/** Names go into certificates, metrics, keys of Redis and log lines: a narrow set of characters. */
export function checkName(reader: Reader, name: string, at: number, what: string): void {
  if (!NAME.test(name)) {
    reader.remark(
      at,
      'name',
      `${what} ${JSON.stringify(name)}: a name is 1 to 63 letters, digits, ".", "_" or "-", and begins and ends with a letter or digit`,
    );
  } else if (RESERVED.has(name)) reader.remark(at, 'name', `${what} "${name}": the word is reserved`);
}
