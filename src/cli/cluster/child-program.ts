import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Plugin } from 'esbuild';
import { withEsbuild } from '../../web/esbuild.ts';

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/**
 * Makes the program of a local node in a directory, and resolves with its path: all sources of ours in one file,
 * built once for all nodes of a cluster, since each would otherwise compile and load two hundred. That was half of
 * what the start of a node cost (1.9 s of a core, then 0.9 s).
 */
export async function buildChildProgram(directory: string): Promise<string> {
  await withEsbuild((esbuild) =>
    esbuild.build({
      entryPoints: {
        node: source('./node-child.ts'),
        'policy-thread': source('../../node/policy-worker.ts'),
      },
      outdir: directory,
      outExtension: { '.js': '.mjs' },
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      logLevel: 'silent',
      plugins: [inPlace],
    }),
  );
  return join(directory, 'node.mjs');
}

/** The one source that starts another program of ours, which lies beside the built one too, by the same name. */
const STARTS_THREAD = 'policy-judge.ts';

/** Packages stay where they are, and sources find the files beside them, wherever the program lies. */
const inPlace: Plugin = {
  name: 'in-place',
  setup(program) {
    program.onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
      kind === 'entry-point' || path.startsWith('node:')
        ? undefined
        : { path: import.meta.resolve(path), external: true },
    );
    program.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      const contents =
        basename(path) === STARTS_THREAD
          ? text
          : text
              .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href))
              .replaceAll('import.meta.dirname', JSON.stringify(dirname(path)));
      return { contents, loader: 'ts' };
    });
  },
};
