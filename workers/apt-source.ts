import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './run.ts';

/** What is asked of Debian's archive. */
export interface SourceRequest {
  /** Of the source package. */
  readonly name: string;
  /** Debian's version; the newest that the sources offer without one. */
  readonly version?: string;
  /** Another suite than the system's own, such as `trixie`, from the archive that the system uses. */
  readonly suite?: string;
  /** An empty folder; the source is unpacked into its `source` folder, with Debian's patches applied. */
  readonly dir: string;
  readonly signal?: AbortSignal | undefined;
  /** Where the system's sources are listed, for tests. */
  readonly etc?: string;
}

/** Long enough for a slow line, short enough for somebody who waits without one. */
const DEADLINE_MS = 120_000;

/**
 * Fetches a Debian source package through apt, which checks the archive's signature, and unpacks it. Lists and
 * cache are private to `dir`: the system's own are neither needed nor touched, and no privilege is.
 * Returns the folder of the unpacked source.
 * @throws ToolFailed, or an error that says what apt left out
 */
export async function fetchDebianSource(request: SourceRequest): Promise<string> {
  const { name, version, dir, etc = '/etc/apt' } = request;
  const signal = AbortSignal.any([
    AbortSignal.timeout(DEADLINE_MS),
    ...(request.signal ? [request.signal] : []),
  ]);
  for (const part of ['lists/partial', 'parts', 'cache', 'files', 'source']) {
    mkdirSync(join(dir, part), { recursive: true });
  }
  for (const [file, text] of sourceLists(etc, request.suite)) writeFileSync(join(dir, 'parts', file), text);
  const apt = [
    ['Dir::Etc::SourceList', '/dev/null'],
    ['Dir::Etc::SourceParts', join(dir, 'parts')],
    ['Dir::State::Lists', join(dir, 'lists')],
    ['Dir::Cache', join(dir, 'cache')],
    ['Acquire::Languages', 'none'],
    ['Acquire::Retries', '1'],
    ['Acquire::http::Timeout', '15'],
    ['Acquire::https::Timeout', '15'],
    // The folder is its owner's alone, so apt cannot read it as the user that it would become.
    ...(process.getuid?.() === 0 ? [['APT::Sandbox::User', 'root']] : []),
  ].flatMap(([key, value]) => ['-o', `${key}=${value}`]);
  const files = join(dir, 'files');
  // A source of several that cannot be reached does not matter when another has the package.
  const update = await run('apt-get', [...apt, '-q', 'update'], { cwd: dir, signal }).catch(
    (error: unknown) => error,
  );
  signal.throwIfAborted();
  const what = version === undefined ? name : `${name}=${version}`;
  try {
    await run('apt-get', [...apt, '-q', 'source', '--only-source', '--download-only', what], {
      cwd: files,
      signal,
    });
  } catch (cause) {
    signal.throwIfAborted();
    throw update instanceof Error ? update : cause;
  }
  return unpack(files, join(dir, 'source'), signal);
}

/** Unpacks what `dpkg-source -x` would (format 3.0 quilt), without needing that program's packages. */
async function unpack(files: string, source: string, signal: AbortSignal): Promise<string> {
  const archive = (pattern: RegExp): string => {
    const found = readdirSync(files).find((file) => pattern.test(file));
    if (found === undefined) throw new Error('the source package has an unexpected form');
    return join(files, found);
  };
  const at = { cwd: source, signal };
  await run('tar', ['-xf', archive(/\.orig\.tar\.\w+$/), '--strip-components=1'], at);
  await run('tar', ['-xf', archive(/\.debian\.tar\.\w+$/)], at);
  const series = join(source, 'debian/patches/series');
  const patches = existsSync(series) ? readFileSync(series, 'utf8').split('\n') : [];
  for (const line of patches) {
    const patch = line.replace(/(^|\s)#.*/, '').trim();
    if (patch !== '') await run('patch', ['-p1', '-s', '-i', `debian/patches/${patch}`], at);
  }
  return source;
}

/** The system's lists of sources, asking for source packages in place of binary ones. */
export function sourceLists(etc: string, suite?: string): Map<string, string> {
  const lists = new Map<string, string>();
  const parts = join(etc, 'sources.list.d');
  const files = [
    join(etc, 'sources.list'),
    ...(existsSync(parts) ? readdirSync(parts).map((file) => join(parts, file)) : []),
  ].filter((file) => existsSync(file) && /\.(list|sources)$/.test(file));
  for (const [index, file] of files.entries()) {
    const text = readFileSync(file, 'utf8');
    const deb822 = file.endsWith('.sources');
    // Another suite is Debian's own, and so is asked of Debian's own archive alone.
    const kept = suite === undefined ? text : deb822 ? debianStanzas(text, suite) : debianLines(text, suite);
    const asked = deb822
      ? kept.replaceAll(/^Types:.*$/gm, 'Types: deb-src')
      : kept
          .split('\n')
          .filter((line) => /^deb\s/.test(line))
          .map((line) => line.replace(/^deb/, 'deb-src'))
          .join('\n');
    if (asked.trim() !== '') lists.set(`${index}.${deb822 ? 'sources' : 'list'}`, `${asked}\n`);
  }
  return lists;
}

function debianStanzas(text: string, suite: string): string {
  return text
    .split(/\n\s*\n/)
    .filter((stanza) => /^URIs:.*\/debian\/?\s*$/m.test(stanza))
    .map((stanza) => stanza.replace(/^Suites:.*$/m, `Suites: ${suite}`))
    .join('\n\n');
}

function debianLines(text: string, suite: string): string {
  return text
    .split('\n')
    .map((line) => /^(deb\s+(?:\[[^\]]*\]\s+)?\S+\/debian\/?)\s+\S+\s+(.*)$/.exec(line))
    .flatMap((match) => (match ? [`${match[1]} ${suite} ${match[2]}`] : []))
    .filter((line, i, all) => all.indexOf(line) === i)
    .join('\n');
}
