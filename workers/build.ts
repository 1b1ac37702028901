import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { BINARY } from './cache.ts';
import { WorkerError } from './errors.ts';
import { workerSources } from './meson.ts';
import { ninjaFile, readNinjaProgress } from './ninja.ts';
import { applyPatch, parsePatch } from './patch.ts';
import type { OnProgress } from './progress.ts';
import type { Recipe } from './recipe.ts';
import type { MediasoupSource } from './source.ts';

/** What a build is given. */
export interface BuildInput {
  readonly source: MediasoupSource;
  readonly recipe: Recipe;
  /** An empty folder that the build may fill. */
  readonly dir: string;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Builds the worker from the package's sources and returns the executable's path within `dir`. It is not
 * trusted yet: see selftest.ts.
 * @throws WorkerError `worker_build_failed`, with the compiler's last words
 */
export async function buildWorker(input: BuildInput): Promise<string> {
  input.onProgress?.({ phase: 'prepare' });
  const sources = stage(input);
  await generateFlatbuffers(input);
  writeFileSync(join(input.dir, 'build.ninja'), ninjaFile(input.recipe, sources, BINARY));
  await runNinja(input);
  return join(input.dir, BINARY);
}

/** Copies the sources, patches the copy and lays our headers beside it. Returns the files to compile. */
function stage({ source, recipe, dir }: BuildInput): string[] {
  const worker = join(dir, 'worker');
  for (const part of ['src', 'include', 'fbs', 'deps']) {
    cpSync(join(source.workerDir, part), join(worker, part), { recursive: true });
  }
  for (const [name, text] of recipe.patches) {
    try {
      for (const change of parsePatch(text)) {
        const file = join(worker, change.path);
        writeFileSync(file, applyPatch(readFileSync(file, 'utf8'), change));
      }
    } catch (error) {
      throw new WorkerError(
        'worker_build_failed',
        `workers/patches/${name} does not fit mediasoup ${source.version}: ${error instanceof Error ? error.message : error}`,
      );
    }
  }
  for (const [name, text] of recipe.compat) {
    const file = join(dir, 'compat', name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  writeFileSync(join(dir, 'pch.hpp'), recipe.precompiled);
  return workerSources(source.workerDir).map((path) => `worker/${path}`);
}

/** Makes the headers that the sources include as `FBS/…`. */
async function generateFlatbuffers(input: BuildInput): Promise<void> {
  const schemas = readdirSync(join(input.dir, 'worker/fbs'))
    .filter((name) => name.endsWith('.fbs'))
    .map((name) => `worker/fbs/${name}`);
  const out = 'gen/FBS';
  mkdirSync(join(input.dir, out), { recursive: true });
  await run(input, 'flatc', [...input.recipe.flatcFlags, '-o', out, ...schemas]);
}

async function runNinja(input: BuildInput): Promise<void> {
  let told = 0;
  input.onProgress?.({ phase: 'compile', percent: told });
  await run(input, 'ninja', [], (line) => {
    const percent = readNinjaProgress(line);
    if (percent === undefined || percent <= told) return;
    told = percent;
    input.onProgress?.({ phase: 'compile', percent });
  });
}

/** Runs a tool in the build's folder; its output counts only when it fails. */
async function run(
  { dir, signal }: BuildInput,
  command: string,
  args: readonly string[],
  onLine?: (line: string) => void,
): Promise<void> {
  signal?.throwIfAborted();
  // SIGTERM makes ninja end its compilers and remove what they had half written.
  const child = spawn(command, args, { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'], signal });
  let tail = '';
  let rest = '';
  const read = (text: string): void => {
    tail = (tail + text).slice(-6000);
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    if (onLine) lines.forEach(onLine);
  };
  child.stdout.setEncoding('utf8').on('data', read);
  child.stderr.setEncoding('utf8').on('data', read);
  const outcome = await new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, killed) => resolve(code === 0 ? undefined : `ended with ${code ?? killed}`));
  });
  signal?.throwIfAborted();
  if (outcome !== undefined) {
    throw new WorkerError(
      'worker_build_failed',
      `${command} failed while building the worker: ${outcome}\n${tail}`,
    );
  }
}
