import { z } from 'zod';
import type { ConfigPath } from './fault.ts';
import { nodeConfigSchema } from './schema.ts';

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

/** The keys that the map at the path may have; none where there is no map. */
export function keysAt(path: ConfigPath): string[] {
  let schemas = alternatives(nodeConfigSchema);
  for (const step of path) {
    schemas = schemas.flatMap((schema) => {
      if (schema instanceof z.ZodObject) return alternatives(schema.shape[String(step)]);
      return schema instanceof z.ZodArray ? alternatives(schema.element) : [];
    });
  }
  return schemas.flatMap((schema) => (schema instanceof z.ZodObject ? Object.keys(schema.shape) : []));
}
