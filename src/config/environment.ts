import { parse } from 'yaml';
import { z } from 'zod';
import { didYouMean } from '../policy/suggest.ts';
import type { ConfigFault, ConfigPath } from './fault.ts';
import { nodeConfigSchema } from './schema.ts';
import { alternatives, unwrap } from './shape.ts';

/**
 * `WATERSHED_<SECTION>_<KEY>`: each key of the configuration that holds a value has a variable, named for its
 * path in capitals (`http.port` is WATERSHED_HTTP_PORT, `signaling.firstMessageSeconds` is
 * WATERSHED_SIGNALING_FIRST_MESSAGE_SECONDS). Numbers, booleans and `null` are written as in YAML; lists as
 * YAML flow (`[a, b]`) or, for words, with commas between them.
 */
export interface Override {
  readonly variable: string;
  readonly path: ConfigPath;
  readonly value: unknown;
}

/** Variables with this prefix that are no keys of the configuration. */
const OTHERS = ['WATERSHED_CONFIG', 'WATERSHED_CACHE_DIR', 'WATERSHED_WORKER_BIN'];

const PREFIX = 'WATERSHED_';

/** The overrides in an environment. A variable that nothing reads is a fault: it was meant to change something. */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>): {
  overrides: Override[];
  faults: ConfigFault[];
} {
  const overrides: Override[] = [];
  const faults: ConfigFault[] = [];
  for (const [variable, text] of Object.entries(env)) {
    if (!variable.startsWith(PREFIX) || text === undefined || OTHERS.includes(variable)) continue;
    const leaf = leaves().get(variable);
    if (leaf === undefined) {
      const meant = didYouMean(variable, [...leaves().keys(), ...OTHERS]);
      faults.push({ where: variable, message: `nothing reads this variable${meant}` });
      continue;
    }
    try {
      overrides.push({ variable, path: leaf.path, value: readValue(text, leaf.kind) });
    } catch {
      faults.push({ where: variable, message: 'not a YAML value' });
    }
  }
  return { overrides, faults };
}

/** The variable of a key, or undefined where the path is not that of a single value. */
function variableOf(path: ConfigPath): string {
  return PREFIX + path.map((step) => snake(String(step))).join('_');
}

/** Every variable and the path it sets, for the documentation and its test. */
export function variables(): ReadonlyMap<string, ConfigPath> {
  return new Map([...leaves()].map(([variable, { path }]) => [variable, path]));
}

type LeafKind = 'string' | 'list' | 'other';
interface Leaf {
  readonly path: ConfigPath;
  readonly kind: LeafKind;
}

let known: ReadonlyMap<string, Leaf> | undefined;

function leaves(): ReadonlyMap<string, Leaf> {
  known ??= new Map(collect(nodeConfigSchema, []).map((leaf) => [variableOf(leaf.path), leaf]));
  return known;
}

function collect(schema: unknown, path: readonly string[]): Leaf[] {
  const bare = unwrap(schema);
  // `http.tls` may be null, and still its keys are set one by one.
  if (bare instanceof z.ZodObject) {
    return Object.entries(bare.shape).flatMap(([key, child]) => collect(child, [...path, key]));
  }
  return [{ path, kind: kindOf(bare) }];
}

function kindOf(schema: unknown): LeafKind {
  if (schema instanceof z.ZodString || schema instanceof z.ZodEnum) return 'string';
  const options = alternatives(schema);
  return options.some((option) => option instanceof z.ZodArray) ? 'list' : 'other';
}

function readValue(text: string, kind: LeafKind): unknown {
  if (text === 'null') return null;
  if (kind === 'string') return text;
  if (kind === 'list' && !text.trimStart().startsWith('[')) {
    const words = text.split(',').map((word) => word.trim());
    return text === 'localhost' ? text : words.filter((word) => word !== '');
  }
  return parse(text, { version: '1.2', maxAliasCount: 0 });
}

function snake(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}
