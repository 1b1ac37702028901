import { accessSync, constants, existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, delimiter, join } from 'node:path';
import { z } from 'zod';
import { installedVersions } from './dpkg.ts';

const requirement = z.object({ name: z.string(), package: z.string() });
const requirements = z
  .object({
    commands: z.array(requirement),
    headers: z.array(requirement),
    fasterHeaders: z.array(requirement.extend({ arch: z.string() })),
  })
  .parse(JSON.parse(readFileSync(join(import.meta.dirname, 'requirements.json'), 'utf8')));

/** What the native build finds on this machine. */
export interface Toolchain {
  /** Debian packages (of requirements.json) whose command or header is not there; empty when all is. */
  readonly missing: readonly string[];
  /** A line for each tool and library with its version: what a rebuilt worker would depend on. */
  readonly versions: readonly string[];
  /** Debian's version of the installed libsrtp2-dev, where it comes from a Debian package. */
  readonly srtpVersion: string | undefined;
  /** Version of the installed libipsec-mb-dev; none where it is not there, and on other processors than it is for. */
  readonly ipsecMbVersion: string | undefined;
}

/** Where to look, for tests. */
export interface ToolchainPaths {
  readonly path?: string;
  readonly include?: readonly string[];
  readonly dpkgStatus?: string;
}

const includeDirs = ['/usr/local/include', '/usr/include'];

/**
 * Looks for the tools and libraries that the build needs. Fast, and starts no process: versions come from
 * dpkg's record, and elsewhere from each file's size and time, which change with its version.
 */
export function findToolchain(paths: ToolchainPaths = {}): Toolchain {
  const path = (paths.path ?? process.env.PATH ?? '').split(delimiter).filter((p) => p !== '');
  const include = paths.include ?? includeDirs;
  const missing: string[] = [];
  const found: { package: string; file: string }[] = [];
  for (const command of requirements.commands) {
    const file = path.map((dir) => join(dir, command.name)).find(isExecutable);
    if (file === undefined) missing.push(command.package);
    // `g++` is a link to the compiler of a certain version, and that one's package changes with it.
    else found.push({ package: command.package, file: realpathSync(file) });
  }
  for (const header of requirements.headers) {
    const file = include.map((dir) => join(dir, header.name)).find((f) => existsSync(f));
    if (file === undefined) missing.push(header.package);
    else found.push({ package: header.package, file: realpathSync(file) });
  }
  const packageOf = (f: { package: string; file: string }): string =>
    f.package === 'g++' ? (/g\+\+-\d+$/.exec(basename(f.file))?.[0] ?? 'g++') : f.package;
  const installed = installedVersions(found.map(packageOf), paths.dpkgStatus);
  const versionOf = (f: { package: string; file: string }): string | undefined =>
    f.file.startsWith('/usr/local/') ? undefined : installed.get(packageOf(f));
  const versions = found.map((f) => `${packageOf(f)} ${versionOf(f) ?? stamp(f.file)}`);
  const srtp = found.find((f) => f.package === 'libsrtp2-dev');
  return {
    missing,
    versions,
    srtpVersion: srtp && versionOf(srtp),
    ipsecMbVersion: ipsecMbVersion(include, paths.dpkgStatus),
  };
}

function ipsecMbVersion(include: readonly string[], dpkgStatus: string | undefined): string | undefined {
  const header = requirements.fasterHeaders.find((h) => h.arch === process.arch);
  const file = header && include.map((dir) => join(dir, header.name)).find((f) => existsSync(f));
  if (header === undefined || file === undefined) return undefined;
  return installedVersions([header.package], dpkgStatus).get(header.package) ?? stamp(file);
}

/** The command that installs what is missing on Debian and its relatives. */
export function aptCommand(packages: readonly string[]): string {
  return `sudo apt-get install -y --no-install-recommends ${packages.join(' ')}`;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

function stamp(file: string): string {
  const { size, mtimeMs } = statSync(file);
  return `${file} ${size} ${Math.trunc(mtimeMs)}`;
}
