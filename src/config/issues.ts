import type { z } from 'zod';
import { didYouMean } from '../policy/suggest.ts';
import type { ConfigFault, ConfigPath } from './fault.ts';
import { keysAt } from './shape.ts';

/** Where in a document something stands: `FILE:LINE:COL`, or the name of a variable. */
export interface Locate {
  place(path: ConfigPath): string;
  placeOfKey(path: ConfigPath, key: string): string;
}

/**
 * What a schema found wrong, as faults with places: one for each unknown key; of a union, the faults of the member
 * that came closest.
 */
export function faultsOfIssue(issue: z.core.$ZodIssue, schema: z.ZodType, locate: Locate): ConfigFault[] {
  return faultsAt(issue, schema, locate, []);
}

function faultsAt(
  issue: z.core.$ZodIssue,
  schema: z.ZodType,
  locate: Locate,
  outer: ConfigPath,
): ConfigFault[] {
  const path = [...outer, ...issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step))];
  const name = path.join('.') || 'the configuration';
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      where: locate.placeOfKey(path, key),
      message: `${name} has no key "${key}"${didYouMean(key, keysAt(schema, path))}`,
    }));
  }
  if (issue.code === 'invalid_union') {
    const deeper = issue.errors.find((issues) => issues.some((inner) => inner.path.length > 0));
    if (deeper !== undefined) return deeper.flatMap((inner) => faultsAt(inner, schema, locate, path));
    if (issue.errors.length === 0)
      return [{ where: locate.place(path), message: `${name}: ${issue.message}` }];
    const wanted = issue.errors.flat().map((inner) => inner.message.replace(/^Invalid input: /, ''));
    return [{ where: locate.place(path), message: `${name}: ${[...new Set(wanted)].join(', or ')}` }];
  }
  if (issue.code === 'invalid_type' && issue.message.endsWith('received undefined')) {
    return [{ where: locate.place(path), message: `${name} is missing` }];
  }
  const message = issue.message.replace(/^Invalid input: /, '');
  return [{ where: locate.place(path), message: `${name}: ${message}` }];
}
