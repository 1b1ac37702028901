import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseAllDocuments,
  visit,
} from 'yaml';
import type { ConfigFault, ConfigPath } from './fault.ts';

/** A YAML document as plain data, and where everything in it stands. */
export interface ConfigDocument {
  readonly value: unknown;
  readonly faults: readonly ConfigFault[];
  /** `FILE:LINE:COL` of the value at the path; of its nearest written parent where it is not written. */
  place(path: ConfigPath): string;
  /** `FILE:LINE:COL` of a key of the map at the path. */
  placeOfKey(path: ConfigPath, key: string): string;
}

/** Reads one YAML 1.2 document. `file` is the name that faults quote. */
export function readDocument(text: string, file: string): ConfigDocument {
  const lines = new LineCounter();
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${Math.max(1, line)}:${Math.max(1, col)}`;
  };
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, version: '1.2' });
  const [first, second] = Array.isArray(documents) ? documents : [];
  if (first === undefined) return { value: {}, faults: [], place: () => at(0), placeOfKey: () => at(0) };

  const faults = [...first.errors, ...first.warnings].map((problem) => ({
    where: at(problem.pos[0]),
    message: problem.message.replace(/\s+/g, ' ').trim(),
  }));
  if (second !== undefined) {
    faults.push({
      where: at(second.range[0]),
      message: 'a second YAML document: one file holds one configuration',
    });
  }
  visit(first, {
    Alias(_key, node) {
      faults.push({ where: at(startOf(node)), message: 'an alias: write the value out' });
    },
  });
  const root: Node | null = first.contents;
  const place = (path: ConfigPath): string => at(offsetOf(root, path));
  return {
    // Aliases are faults already; not following them keeps a small file from becoming a large value.
    value: faults.length > 0 ? {} : (first.toJS({ maxAliasCount: 0 }) ?? {}),
    faults,
    place,
    placeOfKey: (path, key) => at(keyOffset(nodeAt(root, path), key) ?? offsetOf(root, path)),
  };
}

function nodeAt(root: unknown, path: ConfigPath): unknown {
  let node = root;
  for (const step of path) {
    if (isMap(node)) node = node.get(step, true);
    else if (isSeq(node)) node = node.get(step, true);
    else return undefined;
  }
  return node;
}

/** Of the value; of its key where the value is empty; of the nearest parent where nothing is written. */
function offsetOf(root: unknown, path: ConfigPath): number {
  for (let length = path.length; length >= 0; length--) {
    const node = nodeAt(root, path.slice(0, length));
    if (isNode(node) && !(isScalar(node) && node.value === null && node.source === '')) return startOf(node);
    const last = path[length - 1];
    const key = keyOffset(nodeAt(root, path.slice(0, length - 1)), String(last));
    if (length > 0 && key !== null) return key;
  }
  return 0;
}

function keyOffset(map: unknown, name: string): number | null {
  if (!isMap(map)) return null;
  const pair = map.items.find(({ key }) => isScalar(key) && String(key.value) === name);
  return pair === undefined || !isNode(pair.key) ? null : startOf(pair.key);
}

function startOf(node: unknown): number {
  if (isScalar(node) || isMap(node) || isSeq(node) || isAlias(node)) return node.range?.[0] ?? 0;
  return 0;
}
