import { readFileSync } from 'node:fs';
import { type CompiledPolicy, compilePolicy } from '../compile.ts';
import type { Policy, Positions } from '../model.ts';
import { parsePolicy } from '../parse.ts';

/** The text of a file under config/policies. */
export function exampleText(name: string): string {
  return readFileSync(new URL(`../../../config/policies/${name}.yaml`, import.meta.url), 'utf8');
}

/** Parses text that is meant to be a policy; throws with every fault when it is none. */
export function parsed(text: string, file = 'policy.yaml'): { policy: Policy; positions: Positions } {
  const result = parsePolicy(text, file);
  if (!result.ok) throw new Error(result.faults.map((f) => `${f.line}:${f.column} ${f.message}`).join('\n'));
  return result;
}

export function compiled(text: string): CompiledPolicy {
  return compilePolicy(parsed(text).policy);
}

export function example(name: string): CompiledPolicy {
  return compiled(exampleText(name));
}

/** The example with one piece of text replaced; the piece must be there. */
export function edited(name: string, from: string, to: string): string {
  const text = exampleText(name);
  if (!text.includes(from)) throw new Error(`${name} has no ${from}`);
  return text.replace(from, to);
}
