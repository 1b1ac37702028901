import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fetchDebianSource } from '../apt-source.ts';
import { compile, PARTS, stage } from '../build.ts';
import { workerContext } from '../context.ts';
import { fetchLibsrtp } from '../libsrtp.ts';
import { mesonList, workerSources } from '../meson.ts';
import type { OnProgress } from '../progress.ts';
import { run } from '../run.ts';

const BINARY = 'mediasoup-worker-test';
/** The worker's tests want Catch2 3; this release of Debian has 2. */
const CATCH2_SUITE = 'trixie';

export interface UnitTestOptions {
  /** Without any patch of ours: to see whether a failure is mediasoup's own. */
  readonly stock?: boolean;
  /** Which tests, as Catch2 names them: `[rtp]`, `~[dtls]`. All by default. */
  readonly only?: readonly string[];
  readonly onProgress?: OnProgress;
}

/**
 * Builds mediasoup's own unit tests, and ours for it (`../upstream/`), from the patched sources and runs them (some
 * ten minutes on two processors). Returns the line in which they sum themselves up.
 * @throws WorkerError `worker_build_failed`, or ToolFailed with the tests' last words
 */
export async function runUnitTests({ stock, only = [], onProgress }: UnitTestOptions = {}): Promise<string> {
  const { source, recipe, toolchain } = workerContext();
  // The tests first: they are made against mediasoup as it is, where each patch builds on those before it.
  const patches = new Map([...ownTests(), ...(stock ? [] : recipe.patches)]);
  const dir = mkdtempSync(join(tmpdir(), 'watershed-unit-tests-'));
  const inDir = (name: string): string => {
    mkdirSync(join(dir, name));
    return join(dir, name);
  };
  try {
    const libsrtp = await fetchLibsrtp(toolchain.srtpVersion, inDir('libsrtp-source'));
    if (!('dir' in libsrtp)) throw new Error(`libsrtp's source could not be had: ${libsrtp.reason}`);
    const catch2 = await fetchDebianSource({
      name: 'catch2',
      suite: CATCH2_SUITE,
      dir: inDir('catch2-source'),
    });
    const compileFlags = [
      ...recipe.compileFlags.filter((flag) => !/^-O|^-DMS_EXECUTABLE$/.test(flag)),
      '-O1',
      '-DMS_TEST',
      '-DMS_LOG_STD',
      // The tests bring their own.
      '-DCATCH_AMALGAMATED_CUSTOM_MAIN',
      ...['worker', 'catch2'].map((include) => `-I${include}`),
    ];
    const build = inDir('build');
    const input = { source, recipe: { ...recipe, compileFlags, patches }, libsrtp, dir: build, onProgress };
    stage(input, [...PARTS, 'test', 'mocks']);
    layCatch2(catch2, join(build, 'catch2'));
    const sources = [...testSources(join(build, 'worker')), 'catch2/catch_amalgamated.cpp'];
    await compile(input, [{ binary: BINARY, sources }]);
    let summary = '';
    const onLine = (line: string): void => {
      if (line.trim() !== '') summary = line;
    };
    await run(join(build, BINARY), only, { cwd: join(build, 'worker'), onLine });
    return summary;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** The headers one by one, as the tests include them; the library itself in its one-file form. */
function layCatch2(source: string, dir: string): void {
  cpSync(join(source, 'src/catch2'), join(dir, 'catch2'), { recursive: true });
  for (const file of ['catch_amalgamated.cpp', 'catch_amalgamated.hpp']) {
    cpSync(join(source, 'extras', file), join(dir, file));
  }
  // What its own build system would make of the template with nothing chosen.
  const config = readFileSync(join(source, 'src/catch2/catch_user_config.hpp.in'), 'utf8')
    .replaceAll(/^#cmakedefine .*$/gm, '')
    .replace('@CATCH_CONFIG_DEFAULT_REPORTER@', 'console')
    .replace('@CATCH_CONFIG_CONSOLE_WIDTH@', '80');
  writeFileSync(join(dir, 'catch2/catch_user_config.hpp'), config);
}

/** Patches that add tests of ours to mediasoup's, by name. */
function ownTests(): Map<string, string> {
  const dir = join(import.meta.dirname, '../upstream');
  const names = readdirSync(dir).filter((name) => name.endsWith('.patch'));
  return new Map(names.sort().map((name) => [name, readFileSync(join(dir, name), 'utf8')]));
}

/** Every source of the tests, relative to the build's folder. */
function testSources(worker: string): string[] {
  const meson = readFileSync(join(worker, 'meson.build'), 'utf8');
  const own = [...mesonList(meson, 'test_sources'), ...mesonList(meson, 'mock_sources')];
  return [...workerSources(worker).filter((path) => path !== 'src/main.cpp'), ...own.map((s) => s.value)].map(
    (path) => `worker/${path}`,
  );
}
