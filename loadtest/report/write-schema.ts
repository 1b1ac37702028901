import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { resultSchema } from './result.ts';

// npx tsx loadtest/report/write-schema.ts: writes result.schema.json anew after result.ts changed.
writeFileSync(
  join(import.meta.dirname, 'result.schema.json'),
  `${JSON.stringify(z.toJSONSchema(resultSchema), null, 2)}\n`,
);
