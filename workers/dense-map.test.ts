import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { run } from './run.ts';
import { findToolchain } from './toolchain.ts';

const hasCompiler = !findToolchain().missing.includes('g++');

it.skipIf(!hasCompiler)(
  'the map that stands in for ankerl’s does what the standard one does',
  async () => {
    const dir = mkdtempSync(join(tmpdir(), 'watershed-dense-map-'));
    try {
      const compat = join(import.meta.dirname, 'compat');
      const source = join(import.meta.dirname, 'testing/dense-map.cpp');
      const flags = ['-std=c++20', '-D_GLIBCXX_ASSERTIONS'];
      await run('g++', [...flags, `-I${compat}`, source, '-o', 'dense-map'], { cwd: dir });
      await expect(run(join(dir, 'dense-map'), [], { cwd: dir })).resolves.toBeUndefined();
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  },
  120_000,
);
