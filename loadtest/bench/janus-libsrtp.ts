import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { installedVersions } from '../../workers/dpkg.ts';
import { fetchLibsrtp, libsrtpSources, stageLibsrtp } from '../../workers/libsrtp.ts';
import { run } from '../../workers/run.ts';
import { cacheDir } from '../native/build.ts';
import { stockRecipe } from './stock.ts';

/** Its file's name says what it is wherever a process's libraries are listed. */
const NAME = 'libsrtp2-openssl.so';

/**
 * libsrtp as the stock worker has it (Debian's source, OpenSSL, the same flags) as a shared library that stands in
 * for Debian's own, which encrypts through NSS: its interface is the same. Built once, and cached.
 * @returns the path; or why it could not be made
 */
export async function ensureSharedLibsrtp(): Promise<{ path: string } | { reason: string }> {
  const recipe = stockRecipe();
  // Janus was linked with the library of this version.
  const version = installedVersions(['libsrtp2-1']).get('libsrtp2-1');
  const flags = [...recipe.cFlags, '-fPIC', '-shared', '-Wl,-soname,libsrtp2.so.1', '-Wl,-z,defs'];
  const key = createHash('sha256')
    .update(JSON.stringify([version, flags, libsrtpSources, [...recipe.compat], process.arch]))
    .digest('hex')
    .slice(0, 20);
  const target = join(cacheDir(), key);
  const path = join(target, NAME);
  if (existsSync(path)) return { path };
  const work = join(cacheDir(), `.work-${process.pid}-${randomBytes(4).toString('hex')}`);
  mkdirSync(join(work, 'source'), { recursive: true });
  mkdirSync(join(work, 'out'));
  try {
    const source = await fetchLibsrtp(version, join(work, 'source'));
    if ('reason' in source) return source;
    stageLibsrtp(source, join(work, 'libsrtp'));
    for (const [name, text] of recipe.compat) {
      const file = join(work, 'compat', name);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
    const files = libsrtpSources.map((file) => `libsrtp/${file}`);
    const packageVersion = `-DPACKAGE_VERSION="${source.version}"`;
    const output = ['-o', join('out', NAME)];
    await run('gcc', [...flags, packageVersion, ...output, ...files, '-lcrypto'], { cwd: work });
    // One rename, so that nobody sees half of it.
    renameSync(join(work, 'out'), target);
    return { path };
  } catch (error) {
    if (existsSync(path)) return { path };
    return { reason: error instanceof Error ? error.message : String(error) };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
