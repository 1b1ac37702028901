import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { BINARY } from './cache.ts';
import { WorkerError } from './errors.ts';
import {
  ipsecMbSource,
  type LibsrtpSource,
  layPublicHeaders,
  libsrtpSources,
  stageLibsrtp,
} from './libsrtp.ts';
import { workerSources } from './meson.ts';
import { ninjaFile, type Program, readNinjaProgress } from './ninja.ts';
import { applyPatch, parsePatch } from './patch.ts';
import type { OnProgress } from './progress.ts';
import type { Recipe } from './recipe.ts';
import { type RunOptions, run, ToolFailed } from './run.ts';
import type { MediasoupSource } from './source.ts';
import { vectorLines } from './vectors/vectors.ts';

/** The program that compares libsrtp with known packets, and its source. */
const CHECK = 'srtp-check';
const CHECK_SOURCE = 'srtp-check.cpp';
/** What the worker is made of, in mediasoup's worker folder. */
export const PARTS: readonly string[] = ['src', 'include', 'fbs', 'deps', 'meson.build'];

/** What a build is given. */
export interface BuildInput {
  readonly source: MediasoupSource;
  readonly recipe: Recipe;
  /** libsrtp, to be built with OpenSSL; without it the system's is linked. */
  readonly libsrtp?: LibsrtpSource | undefined;
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
  stage(input, PARTS);
  copyFileSync(join(import.meta.dirname, 'vectors/check.cpp'), join(input.dir, CHECK_SOURCE));
  const sources = workerSources(join(input.dir, 'worker')).map((path) => `worker/${path}`);
  await compile(input, [
    { binary: BINARY, sources },
    { binary: CHECK, sources: [CHECK_SOURCE] },
  ]);
  // What encrypts is checked on each machine that builds it, before any media goes through.
  await tool(input, join(input.dir, CHECK), [], { stdin: `${vectorLines().join('\n')}\n` });
  return join(input.dir, BINARY);
}

/** Compiles staged sources and links the programs. */
export async function compile(input: BuildInput, programs: readonly Program[]): Promise<void> {
  const { recipe, libsrtp, dir } = input;
  await generateFlatbuffers(input);
  const files = [...libsrtpSources, ...(recipe.ipsecMb === undefined ? [] : [ipsecMbSource])];
  const ninja = ninjaFile(recipe, {
    programs,
    libsrtp: libsrtp && { sources: files.map((s) => `libsrtp/${s}`), version: libsrtp.version },
  });
  writeFileSync(join(dir, 'build.ninja'), ninja);
  await runNinja(input);
}

/** Copies parts of the package's worker folder, patches the copies and lays our headers beside them. */
export function stage({ source, recipe, libsrtp, dir }: BuildInput, parts: readonly string[]): void {
  const worker = join(dir, 'worker');
  for (const part of parts) {
    cpSync(join(source.workerDir, part), join(worker, part), { recursive: true });
  }
  if (libsrtp) stageLibsrtp(libsrtp, join(dir, 'libsrtp'));
  for (const [name, text] of recipe.patches) {
    const forLibsrtp = name.startsWith('libsrtp/');
    if (forLibsrtp && !libsrtp) continue;
    try {
      for (const change of parsePatch(text)) {
        const file = join(forLibsrtp ? join(dir, 'libsrtp') : worker, change.path);
        const before = existsSync(file) ? readFileSync(file, 'utf8') : undefined;
        writeFileSync(file, applyPatch(before, change));
      }
    } catch (error) {
      throw new WorkerError(
        'worker_build_failed',
        `workers/patches/${name} does not fit ${forLibsrtp ? `libsrtp ${libsrtp?.version}` : `mediasoup ${source.version}`}: ${error instanceof Error ? error.message : error}`,
      );
    }
  }
  if (libsrtp) layPublicHeaders(join(dir, 'libsrtp'));
  for (const [name, text] of recipe.compat) {
    const file = join(dir, 'compat', name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  writeFileSync(join(dir, 'pch.hpp'), recipe.precompiled);
}

/** Makes the headers that the sources include as `FBS/…`. */
async function generateFlatbuffers(input: BuildInput): Promise<void> {
  const schemas = readdirSync(join(input.dir, 'worker/fbs'))
    .filter((name) => name.endsWith('.fbs'))
    .map((name) => `worker/fbs/${name}`);
  const out = 'gen/FBS';
  mkdirSync(join(input.dir, out), { recursive: true });
  await tool(input, 'flatc', [...input.recipe.flatcFlags, '-o', out, ...schemas]);
}

async function runNinja(input: BuildInput): Promise<void> {
  let told = 0;
  input.onProgress?.({ phase: 'compile', percent: told });
  const onLine = (line: string): void => {
    const percent = readNinjaProgress(line);
    if (percent === undefined || percent <= told) return;
    told = percent;
    input.onProgress?.({ phase: 'compile', percent });
  };
  await tool(input, 'ninja', [], { onLine });
}

async function tool(
  { dir, signal }: BuildInput,
  command: string,
  args: readonly string[],
  options: Pick<RunOptions, 'onLine' | 'stdin'> = {},
): Promise<void> {
  try {
    await run(command, args, { ...options, cwd: dir, signal });
  } catch (error) {
    if (!(error instanceof ToolFailed)) throw error;
    throw new WorkerError(
      'worker_build_failed',
      `building the worker failed; ${error.message}\n${error.output}`,
    );
  }
}
