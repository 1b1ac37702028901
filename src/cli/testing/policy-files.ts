import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';

const POLICIES = new URL('../../../config/policies/', import.meta.url).pathname;

/** The example policies, and a folder of the test file's own, which is there while its tests run. */
export interface PolicyFiles {
  readonly dir: string;
  /** An example's path. */
  file(name: string): string;
  /** Writes into the folder; the path. */
  write(name: string, content: string | Uint8Array): string;
}

export function policyFiles(): PolicyFiles {
  let dir = '';
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'watershed-policy-cli-'));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  return {
    get dir() {
      return dir;
    },
    file: (name) => join(POLICIES, `${name}.yaml`),
    write(name, content) {
      const path = join(dir, name);
      writeFileSync(path, content);
      return path;
    },
  };
}
