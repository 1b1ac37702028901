import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { CommandFailed, run } from './child.mjs';
import { createMeter, say } from './report.mjs';

// What only tests and local clusters use. The native build's needs are listed beside it.
const forTests = [
  { name: 'redis-server', package: 'redis-server' },
  { name: 'chromium', package: 'chromium' },
  { name: 'ip', package: 'iproute2' },
];

/** @typedef {{ name: string, package: string }} Requirement a command or a header, and the Debian package that has it */

/**
 * What the native build needs, from the list that it reads itself.
 * @param {string} root
 * @returns {{ commands: Requirement[], headers: Requirement[] }}
 */
export function buildRequirements(root) {
  return JSON.parse(readFileSync(join(root, 'workers', 'requirements.json'), 'utf8'));
}

/** @returns {{ commands: Requirement[], headers: Requirement[] }} */
export function testRequirements() {
  return { commands: forTests, headers: [] };
}

/**
 * The packages whose command or header is not there. What counts is the thing itself and not the package:
 * a redis-server from elsewhere serves as well.
 * @param {{ commands: Requirement[], headers: Requirement[] }[]} requirements
 */
export function missingPackages(requirements, env = process.env) {
  // Some of them live where an ordinary user's path does not lead.
  const path = [...(env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'].filter((dir) => dir !== '');
  const include = ['/usr/local/include', '/usr/include'];
  return requirements.flatMap(({ commands, headers }) => [
    ...commands.filter((c) => !path.some((dir) => isExecutable(join(dir, c.name)))).map((c) => c.package),
    ...headers.filter((h) => !include.some((dir) => existsSync(join(dir, h.name)))).map((h) => h.package),
  ]);
}

/**
 * Installs Debian packages as root or through sudo, without asking anything.
 * @param {readonly string[]} packages
 * @param {AbortSignal} signal
 */
export async function installDebianPackages(packages, signal) {
  const command = `apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  if (!existsSync('/usr/bin/apt-get')) {
    throw new Error(
      `this is no Debian, so install by hand what these Debian packages hold: ${packages.join(', ')}`,
    );
  }
  const apt = await findApt(signal);
  if (apt === undefined) {
    throw new Error(
      `Debian packages are missing, and neither root nor sudo is at hand. Run:\n  sudo ${command}`,
    );
  }
  say(`installing Debian packages (once): ${packages.join(' ')}`);
  const listsThere = readdirSync('/var/lib/apt/lists').some((name) => /_Packages(\.|$)/.test(name));
  if (!listsThere) await update(apt, signal);
  try {
    await install(apt, packages, signal);
  } catch (error) {
    if (!(error instanceof CommandFailed) || !listsThere) throw explain(error, command);
    // The lists may be older than the mirror: packages unknown, or gone from it.
    await update(apt, signal);
    await install(apt, packages, signal).catch((again) => {
      throw explain(again, command);
    });
  }
}

/**
 * How apt-get is called with the rights to install, or nothing.
 * @param {AbortSignal} signal
 */
async function findApt(signal) {
  const quiet = [
    'env',
    'DEBIAN_FRONTEND=noninteractive',
    'RUNLEVEL=1',
    'apt-get',
    '-o',
    'DPkg::Lock::Timeout=300',
  ];
  if (process.getuid?.() === 0) return quiet;
  try {
    await run('sudo', ['-n', 'true'], { signal });
    return ['sudo', '-n', ...quiet];
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

async function update([command, ...args], signal) {
  const meter = createMeter('refreshing the package lists');
  await run(command, [...args, '-q', 'update'], {
    signal,
    onLine: (line) => meter.update(undefined, shorten(line)),
  });
  meter.done();
}

async function install([command, ...args], packages, signal) {
  // Downloading and installing each count from 0 to 100 in apt's own reports.
  const meters = { dlstatus: undefined, pmstatus: undefined };
  const labels = { dlstatus: 'downloading Debian packages', pmstatus: 'installing Debian packages' };
  const onLine = (line) => {
    const report = /^(dlstatus|pmstatus):[^:]*(?::[^:]*)?:(\d+)(?:\.\d+)?:/.exec(line);
    if (!report) return;
    const [, kind, percent] = report;
    if (kind === 'pmstatus') finish(meters, 'dlstatus');
    meters[kind] ??= createMeter(labels[kind]);
    meters[kind].update(Number(percent));
  };
  const flags = ['-o', 'APT::Status-Fd=1', '-o', 'Dpkg::Use-Pty=0', '-q', '-y', '--no-install-recommends'];
  await run(command, [...args, ...flags, 'install', ...packages], { signal, onLine });
  finish(meters, 'dlstatus');
  finish(meters, 'pmstatus');
}

function finish(meters, kind) {
  meters[kind]?.done();
  meters[kind] = undefined;
}

function explain(error, command) {
  const output = error instanceof CommandFailed ? `\n${error.output.trim()}` : '';
  return new Error(`the Debian packages could not be installed; try by hand:\n  sudo ${command}${output}`, {
    cause: error,
  });
}

function shorten(line) {
  return line.length > 60 ? `${line.slice(0, 60)}…` : line;
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
