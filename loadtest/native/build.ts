import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const SOURCES = join(import.meta.dirname, 'src');
const FLAGS = ['-std=c11', '-O2', '-Wall', '-Wextra', '-Werror', `-I${SOURCES}`];
const LIBRARIES = ['-lssl', '-lcrypto'];
const BUILD_MS = 120_000;

/** A program in C, from these files and the headers beside the generator's sources. */
export interface NativeProgram {
  readonly name: string;
  /** Absolute. */
  readonly sources: readonly string[];
}

/** The generator itself. */
export const generatorProgram: NativeProgram = {
  name: 'generator',
  sources: sourcesIn(SOURCES),
};

/** One of the generator's own sources, for another program that shares it. */
export function sharedSource(name: string): string {
  return join(SOURCES, name);
}

/** Where what is built for load tests is kept. */
export function cacheDir(env: NodeJS.ProcessEnv = process.env): string {
  const base = env.WATERSHED_CACHE_DIR || env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return join(base, 'watershed', 'loadtest');
}

/**
 * The executable's path. It is compiled when first asked for (a few seconds) and kept in
 * `${WATERSHED_CACHE_DIR:-${XDG_CACHE_HOME:-~/.cache}}/watershed/loadtest/<key>/`, keyed by a hash of sources,
 * flags, compiler and OpenSSL.
 * @throws Error that says what is missing, or with the compiler's words
 */
export async function ensureProgram(
  program: NativeProgram,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  const cache = cacheDir(env);
  const target = join(cache, await keyOf(program));
  const executable = join(target, program.name);
  if (existsSync(executable)) return executable;
  const dir = join(cache, `.work-${process.pid}-${randomBytes(4).toString('hex')}`);
  mkdirSync(dir, { recursive: true });
  try {
    await compile(program, join(dir, program.name));
    // One rename, so that nobody sees half of it; whoever comes second keeps the first one's.
    renameSync(dir, target);
  } catch (error) {
    if (!existsSync(executable)) throw error;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  return executable;
}

async function compile(program: NativeProgram, out: string): Promise<void> {
  try {
    await run('cc', [...FLAGS, '-o', out, ...program.sources, ...LIBRARIES], { timeout: BUILD_MS });
  } catch (cause) {
    const words = cause instanceof Error && 'stderr' in cause ? String(cause.stderr) : '';
    throw new Error(`loadtest's ${program.name} could not be compiled:\n${words.slice(0, 4000)}`, { cause });
  }
}

async function keyOf(program: NativeProgram): Promise<string> {
  const hash = createHash('sha256');
  hash.update(JSON.stringify([FLAGS.slice(0, -1), LIBRARIES, process.platform, process.arch]));
  hash.update(await compilerVersion());
  hash.update(opensslVersion());
  const headers = readdirSync(SOURCES)
    .filter((name) => name.endsWith('.h'))
    .sort();
  for (const file of [...headers.map((name) => join(SOURCES, name)), ...program.sources]) {
    hash.update(basename(file)).update('\0').update(readFileSync(file)).update('\0');
  }
  return hash.digest('hex').slice(0, 20);
}

async function compilerVersion(): Promise<string> {
  try {
    return (await run('cc', ['-dumpfullversion', '-dumpmachine'])).stdout;
  } catch (cause) {
    throw new Error(
      'loadtest needs a C compiler (cc); on Debian: sudo apt-get install -y --no-install-recommends gcc libc6-dev libssl-dev',
      { cause },
    );
  }
}

function opensslVersion(): string {
  const header = ['/usr/local/include', '/usr/include']
    .map((dir) => join(dir, 'openssl/opensslv.h'))
    .find((file) => existsSync(file));
  if (header === undefined) {
    throw new Error(
      "loadtest needs OpenSSL's headers; on Debian: sudo apt-get install -y --no-install-recommends libssl-dev",
    );
  }
  return readFileSync(header, 'utf8');
}

function sourcesIn(dir: string): string[] {
  return readdirSync(dir)
    .filter((name) => name.endsWith('.c'))
    .sort()
    .map((name) => join(dir, name));
}
