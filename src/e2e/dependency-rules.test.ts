import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';

const FORBIDDEN: [folder: string, specifier: string][] = [
  ['policy', '../media/types.ts'],
  ['policy', 'node:fs'],
  ['protocol', '../policy/model.ts'],
  ['protocol', 'node:crypto'],
  ['registry', '../cluster/types.ts'],
  ['registry', '../identity/certificate.ts'],
  ['identity', '../cluster/types.ts'],
  ['identity', '../links/types.ts'],
  ['links', '../cluster/types.ts'],
  ['links', '../registry/port.ts'],
  ['media', '../signaling/types.ts'],
  ['media', '../links/types.ts'],
  ['cluster', '../signaling/types.ts'],
  ['cluster', 'mediasoup'],
  ['rooms', '../signaling/types.ts'],
  ['signaling', '../main.ts'],
  ['client', '../policy/allowed.ts'],
  ['web', '../signaling/types.ts'],
];
const ALLOWED: [folder: string, specifier: string][] = [
  ['policy', 'node:crypto'],
  ['media', 'mediasoup'],
  ['identity', '../registry/port.ts'],
  ['identity', '../policy/bundle.ts'],
  ['links', '../identity/certificate.ts'],
  ['cluster', '../policy/allowed.ts'],
  ['cluster', '../identity/certificate.ts'],
  ['cluster', '../links/types.ts'],
  ['signaling', '../cluster/types.ts'],
  ['client', '../protocol/errors.ts'],
];

/** A copy of the linter's configuration beside one file for each case, linted in one run. */
let dir = '';
let output = '';
const fileOf = (folder: string, specifier: string) =>
  `src/${folder}/${specifier.replaceAll(/[^a-z]/g, '')}.ts`;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'watershed-lint-'));
  const { vcs: _vcs, $schema: _schema, ...config } = JSON.parse(readFileSync('biome.json', 'utf8'));
  writeFileSync(join(dir, 'biome.json'), JSON.stringify(config));
  for (const [folder, specifier] of [...FORBIDDEN, ...ALLOWED]) {
    const file = join(dir, fileOf(folder, specifier));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `import { x } from '${specifier}';\n\nconsole.log(x);\n`);
  }
  const biome = resolve('node_modules/.bin/biome');
  const run = spawnSync(biome, ['lint', '--max-diagnostics=none', '--reporter=json', '.'], {
    cwd: dir,
    encoding: 'utf8',
    timeout: 30_000,
  });
  output = run.stdout;
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const reportSchema = z.object({
  diagnostics: z.array(
    z.object({
      category: z.string(),
      location: z.object({ path: z.union([z.string(), z.object({ file: z.string() })]) }),
    }),
  ),
});

function restricted(folder: string, specifier: string): boolean {
  const { diagnostics } = reportSchema.parse(JSON.parse(output));
  return diagnostics.some(({ category, location }) => {
    const path = typeof location.path === 'string' ? location.path : location.path.file;
    return category === 'lint/style/noRestrictedImports' && path.endsWith(fileOf(folder, specifier));
  });
}

describe('dependency directions are enforced by the linter', () => {
  it.each(FORBIDDEN)('src/%s may not import %s', (folder, specifier) => {
    expect(restricted(folder, specifier)).toBe(true);
  });
  it.each(ALLOWED)('src/%s may import %s', (folder, specifier) => {
    expect(restricted(folder, specifier)).toBe(false);
  });
});
