import { z } from 'zod';
import type { ConfigPath } from './fault.ts';

/** The schema beneath defaults, preprocessing, `null` and `undefined`. */
export function unwrap(schema: unknown): unknown {
  let inner = schema;
  for (;;) {
    if (inner instanceof z.ZodPipe) inner = inner.out;
    else if (
      inner instanceof z.ZodDefault ||
      inner instanceof z.ZodPrefault ||
      inner instanceof z.ZodNullable ||
      inner instanceof z.ZodOptional
    ) {
      inner = inner.unwrap();
    } else return inner;
  }
}

/** The members of a union, or the schema alone; each unwrapped. */
export function alternatives(schema: unknown): readonly unknown[] {
  const bare = unwrap(schema);
  return bare instanceof z.ZodUnion ? bare.options.map(unwrap) : [bare];
}

/** The keys that the map at the path may have under a schema; none where there is no map. */
export function keysAt(schema: z.ZodType, path: ConfigPath): string[] {
  let schemas = alternatives(schema);
  for (const step of path) {
    schemas = schemas.flatMap((schema) => {
      if (schema instanceof z.ZodObject) return alternatives(schema.shape[String(step)]);
      return schema instanceof z.ZodArray ? alternatives(schema.element) : [];
    });
  }
  return schemas.flatMap((schema) => (schema instanceof z.ZodObject ? Object.keys(schema.shape) : []));
}
