import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { extname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'esbuild';
import { z } from 'zod';
import { withEsbuild } from './esbuild.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const APP = 'src/web/app';
const ENTRY = `${APP}/main.ts`;
const PAGE = `${APP}/index.html`;
const ICON = `${APP}/icon.svg`;
const MANIFEST = 'manifest.json';

/** One file of the page as it is served. */
export interface PageAsset {
  readonly type: string;
  readonly body: Buffer;
}

export interface PageBundle {
  /** The one HTML document. */
  readonly html: Buffer;
  /** By URL path (`/assets/main-HASH.js`); names carry a content hash, so what is at a path never changes. */
  readonly assets: ReadonlyMap<string, PageAsset>;
  /** Digest of every source. */
  readonly stamp: string;
  /** False when the sources were unchanged and `dist/web` was used as it is. */
  readonly built: boolean;
}

export interface BundleOptions {
  /** Checkout to bundle from. */
  readonly root?: string;
  /** Where the result is kept; default `dist/web` in the checkout. */
  readonly outDir?: string;
}

const manifestSchema = z.object({
  stamp: z.string(),
  /** Sources relative to the root, `node_modules` left out: the lockfile stands for them. */
  inputs: z.array(z.string()),
  files: z.array(z.string()),
  html: z.string(),
});
type Manifest = z.infer<typeof manifestSchema>;

const TYPES: Record<string, string> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/**
 * The meeting page, bundled: from `dist/web` when no source has changed since, else built afresh (and kept there
 * where that can be written; a read-only checkout is served from memory). Safe when two processes build at once:
 * files are renamed into place and the manifest comes last, so a half-written bundle is never used.
 *
 * Rejects with esbuild's messages when the page does not compile.
 */
export async function ensurePageBundle(options: BundleOptions = {}): Promise<PageBundle> {
  const root = options.root ?? ROOT;
  const outDir = options.outDir ?? join(root, 'dist/web');
  return (await readKept(root, outDir)) ?? (await build(root, outDir));
}

/** The kept bundle, if it is whole and made of exactly these sources. */
async function readKept(root: string, outDir: string): Promise<PageBundle | undefined> {
  try {
    const manifest = manifestSchema.parse(JSON.parse(await readFile(join(outDir, MANIFEST), 'utf8')));
    if ((await stampOf(root, manifest.inputs)) !== manifest.stamp) return undefined;
    const bodies = await Promise.all(manifest.files.map((name) => readFile(join(outDir, 'assets', name))));
    const assets = new Map<string, PageAsset>();
    for (const [index, name] of manifest.files.entries()) {
      const body = bodies[index];
      if (body === undefined || !name.includes(hashOf(body))) return undefined;
      assets.set(`/assets/${name}`, { type: typeOf(name), body });
    }
    return { html: Buffer.from(manifest.html), assets, stamp: manifest.stamp, built: false };
  } catch {
    return undefined;
  }
}

function runEsbuild(root: string) {
  return withEsbuild((esbuild) =>
    esbuild.build({
      absWorkingDir: root,
      entryPoints: [ENTRY],
      outdir: 'assets',
      bundle: true,
      format: 'esm',
      platform: 'browser',
      target: ['chrome110', 'firefox115', 'safari16'],
      minify: true,
      sourcemap: 'external',
      legalComments: 'none',
      metafile: true,
      write: false,
      logLevel: 'silent',
      define: { 'process.env.NODE_ENV': '"production"' },
      plugins: [oneLanguage],
    }),
  );
}

async function build(root: string, outDir: string): Promise<PageBundle> {
  const result = await runEsbuild(root);
  const assets = new Map<string, PageAsset>();
  const outputs = new Map(result.outputFiles.map((file) => [extname(file.path), Buffer.from(file.contents)]));
  const keep = (stem: string, extension: string, body: Buffer) => {
    const path = `/assets/${stem}-${hashOf(body)}${extension}`;
    assets.set(path, { type: typeOf(path), body });
    return path;
  };
  // Names are made here and not by esbuild, so that they are digests of the very bytes that are served. The map
  // goes first, since the script ends with its name; the style's map is left out.
  const maps = result.outputFiles.filter((file) => file.path.endsWith('.js.map'));
  const map = keep('main', '.js.map', Buffer.from(maps[0]?.contents ?? '{}'));
  const link = `\n//# sourceMappingURL=${map.slice('/assets/'.length)}\n`;
  const script = keep('main', '.js', Buffer.concat([outputs.get('.js') ?? Buffer.of(), Buffer.from(link)]));
  const style = keep('main', '.css', outputs.get('.css') ?? Buffer.of());
  const icon = keep('icon', '.svg', await readFile(join(root, ICON)));
  const html = (await readFile(join(root, PAGE), 'utf8'))
    .replaceAll('%SCRIPT%', script)
    .replaceAll('%STYLE%', style)
    .replaceAll('%ICON%', icon);

  const inputs = [...Object.keys(result.metafile.inputs), PAGE, ICON]
    .map((path) => relative(root, join(root, path)))
    .filter((path) => !path.includes('node_modules'))
    .sort();
  const stamp = await stampOf(root, inputs);
  const files = [...assets.keys()].map((path) => path.slice('/assets/'.length));
  await write(outDir, { stamp, inputs, files, html }, assets).catch(() => undefined);
  return { html: Buffer.from(html), assets, stamp, built: true };
}

/** zod brings its messages in fifty languages, a third of the whole script; the page shows none of them. */
const oneLanguage: Plugin = {
  name: 'one-language',
  setup(build) {
    build.onLoad({ filter: /zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({
      contents: "export { default as en } from './en.js';",
    }));
  },
};

async function write(
  outDir: string,
  manifest: Manifest,
  assets: ReadonlyMap<string, PageAsset>,
): Promise<void> {
  await mkdir(join(outDir, 'assets'), { recursive: true });
  const put = async (path: string, body: Buffer | string) => {
    const temporary = `${path}.${randomUUID()}.tmp`;
    await writeFile(temporary, body);
    await rename(temporary, path);
  };
  for (const [path, asset] of assets) await put(join(outDir, path), asset.body);
  await put(join(outDir, MANIFEST), JSON.stringify(manifest, null, 1));
  for (const name of await readdir(join(outDir, 'assets'))) {
    if (!manifest.files.includes(name) && !name.endsWith('.tmp')) await rm(join(outDir, 'assets', name));
  }
}

/** Content digest of the sources, of this file (which holds the options) and of the lockfile. */
async function stampOf(root: string, inputs: readonly string[]): Promise<string> {
  const paths = [...inputs, 'package-lock.json'].map((path) => join(root, path));
  paths.push(fileURLToPath(import.meta.url));
  const contents = await Promise.all(paths.map((path) => readFile(path)));
  const hash = createHash('sha256').update(inputs.join('\0'));
  for (const body of contents) hash.update(`\0${body.length}\0`).update(body);
  return hash.digest('hex');
}

function hashOf(body: Buffer): string {
  return createHash('sha256').update(body).digest('hex').slice(0, 16);
}

function typeOf(name: string): string {
  return TYPES[extname(name)] ?? 'application/octet-stream';
}
