import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { z } from 'zod';

/** The installed mediasoup package, whose tarball holds the worker's whole source. */
export interface MediasoupSource {
  readonly root: string;
  /** Its `worker` folder: `src`, `include`, `fbs`, `deps`, `meson.build`. */
  readonly workerDir: string;
  readonly version: string;
}

const manifest = z.object({ name: z.literal('mediasoup'), version: z.string() });

/** Finds the package this project depends on; throws Node's MODULE_NOT_FOUND when it is not installed. */
export function mediasoupSource(): MediasoupSource {
  // The package exports neither its manifest nor its root, so both are found from its entry point.
  const entry = createRequire(import.meta.url).resolve('mediasoup');
  const root = dirname(dirname(dirname(entry)));
  const { version } = manifest.parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')));
  return { root, workerDir: join(root, 'worker'), version };
}
