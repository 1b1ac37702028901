import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ensurePageBundle, type PageBundle } from './bundle.ts';

/** A checkout with the least that a page needs. */
let root = '';
const app = (name: string) => join(root, 'src/web/app', name);

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'watershed-page-'));
  mkdirSync(app(''), { recursive: true });
  writeFileSync(join(root, 'package-lock.json'), '{}');
  cpSync('src/web/app/index.html', app('index.html'));
  cpSync('src/web/app/icon.svg', app('icon.svg'));
  writeFileSync(app('style.css'), 'body { color: red; }');
  writeFileSync(app('part.ts'), "export const word: string = 'first';");
  writeFileSync(
    app('main.ts'),
    "import { word } from './part.ts';\nimport './style.css';\ndocument.title = word;",
  );
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const script = (bundle: PageBundle) => [...bundle.assets.keys()].find((path) => path.endsWith('.js')) ?? '';

describe('ensurePageBundle', () => {
  it('builds a page whose files carry their own digests', async () => {
    const bundle = await ensurePageBundle({ root });
    expect(bundle.built).toBe(true);
    const html = bundle.html.toString();
    const extensions = [...bundle.assets.keys()].map((path) => path.replace(/^.*-[0-9a-f]{16}/, '')).sort();
    expect(extensions).toEqual(['.css', '.js', '.js.map', '.svg']);
    for (const path of bundle.assets.keys()) if (!path.endsWith('.map')) expect(html).toContain(path);
    expect(html).not.toContain('%');
    expect(bundle.assets.get(script(bundle))?.body.toString()).toContain('first');
  });

  it('keeps what it built while no source changes', async () => {
    const first = await ensurePageBundle({ root });
    const second = await ensurePageBundle({ root });
    expect(second).toEqual({ ...first, built: false });
  });

  it.each(['part.ts', 'style.css', 'index.html'])('builds again when %s changes', async (name) => {
    const first = await ensurePageBundle({ root });
    writeFileSync(app(name), readFileSync(app(name), 'utf8').replace(/first|red|Watershed/, 'second'));
    const second = await ensurePageBundle({ root });
    expect(second.built).toBe(true);
    expect(second.stamp).not.toBe(first.stamp);
    expect((await ensurePageBundle({ root })).built).toBe(false);
  });

  it('builds again when a package may have changed, or a kept file is not whole', async () => {
    const first = await ensurePageBundle({ root });
    writeFileSync(join(root, 'package-lock.json'), '{"lockfileVersion":3}');
    expect((await ensurePageBundle({ root })).built).toBe(true);
    truncateSync(join(root, 'dist/web', script(first)), 10);
    const repaired = await ensurePageBundle({ root });
    expect(repaired.built).toBe(true);
    expect(repaired.assets.get(script(first))?.body.toString()).toContain('first');
  });

  it('serves from memory where nothing can be written', async () => {
    writeFileSync(join(root, 'dist'), 'a file where the directory would be');
    expect(script(await ensurePageBundle({ root }))).not.toBe('');
  });

  it('says where the page does not compile', async () => {
    writeFileSync(app('part.ts'), 'export const word = ;');
    await expect(ensurePageBundle({ root })).rejects.toThrow(/part\.ts:1:20/);
  });

  it('is whole when several build at once', async () => {
    const bundles = await Promise.all([1, 2, 3].map(() => ensurePageBundle({ root })));
    for (const bundle of bundles) expect(bundle.stamp).toBe(bundles[0]?.stamp);
    expect((await ensurePageBundle({ root })).built).toBe(false);
  });
});
