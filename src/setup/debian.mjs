import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { CommandFailed, run } from './child.mjs';
import { createMeter, say } from './report.mjs';

// What there is to be had beside a node's own needs. Those of the native build are listed with it.
const redis = { name: 'redis-server', package: 'redis-server' };
const chromium = { name: 'chromium', package: 'chromium' };
const iproute = { name: 'ip', package: 'iproute2' };
const haproxy = { name: 'haproxy', package: 'haproxy' };
const nftables = { name: 'nft', package: 'nftables' };

/** @typedef {{ name: string, package: string }} Requirement a command or a header, and the Debian package that has it */

/**
 * What the native build needs, from the list that it reads itself.
 * @param {string} root
 * @returns {{ commands: Requirement[], headers: Requirement[] }}
 */
export function buildRequirements(root) {
  const listed = JSON.parse(readFileSync(join(root, 'workers', 'requirements.json'), 'utf8'));
  // A build goes on without the tools that unpack libsrtp's source and without a library that is for some
  // processors alone, but to a slower worker.
  const faster = listed.fasterHeaders.filter(
    (/** @type {{ arch: string }} */ header) => header.arch === process.arch,
  );
  return {
    commands: [...listed.commands, ...listed.sourceCommands],
    headers: [...listed.headers, ...faster],
  };
}

/** What a local cluster runs on. */
export const clusterRequirements = { commands: [redis], headers: [] };

/** What the tests run on. */
export const testRequirements = { commands: [redis, chromium, iproute, haproxy, nftables], headers: [] };

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
  if (apt === 'no sudo') {
    throw new Error(
      `Debian packages are missing, you are not root, and there is no sudo. As root run:\n  ${command}\nand then the same again as yourself`,
    );
  }
  if (apt === 'no rights') {
    throw new Error(
      `Debian packages are missing, and sudo does not let you install them without a password. Run:\n  sudo ${command}\nand then the same again`,
    );
  }
  say(`installing Debian packages (once): ${packages.join(' ')}`);
  try {
    // Whatever the lists' age: a new image has some, but not those with the security updates.
    await update(apt, signal);
    await install(apt, packages, signal);
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    throw new Error(
      `the Debian packages could not be installed; try by hand:\n  sudo ${command}\n${error.output.trim()}`,
      { cause: error },
    );
  }
}

/**
 * How apt is called with the rights to install, or why it cannot be.
 * @param {AbortSignal} signal
 */
async function findApt(signal) {
  // RUNLEVEL=1 keeps a new redis-server from being started where there is no systemd; tests start their own.
  const quiet = [
    'env',
    'DEBIAN_FRONTEND=noninteractive',
    'RUNLEVEL=1',
    'apt-get',
    '-o',
    'DPkg::Lock::Timeout=300',
  ];
  if (process.getuid?.() === 0) return { rights: [], command: quiet };
  try {
    await run('sudo', ['-n', 'true'], { signal });
    return { rights: ['sudo', '-n'], command: quiet };
  } catch {
    signal.throwIfAborted();
    const path = (process.env.PATH ?? '').split(delimiter).filter((dir) => dir !== '');
    return path.some((dir) => isExecutable(join(dir, 'sudo'))) ? 'no rights' : 'no sudo';
  }
}

async function update({ rights, command }, signal) {
  const meter = createMeter('refreshing the package lists', { quietMs: 0 });
  meter.update(undefined);
  const [program, ...args] = [...rights, ...command, '-q', 'update'];
  try {
    await run(program, args, { signal });
    meter.done();
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    // One source of many that cannot be reached must not end it here: the installation will tell.
    meter.stop();
    say(`not every package list could be refreshed: ${error.output.match(/^E: .*/m)?.[0] ?? error.message}`);
  }
}

async function install({ rights, command }, packages, signal) {
  // Downloading and installing each count from 0 to 100 in apt's own reports.
  const meters = { dlstatus: undefined, pmstatus: undefined };
  const labels = { dlstatus: 'downloading Debian packages', pmstatus: 'installing Debian packages' };
  const onLine = (line) => {
    const report = /^(dlstatus|pmstatus):.*?:(\d+)\.\d+:/.exec(line);
    if (!report) return false;
    const [, kind, percent] = report;
    if (kind === 'pmstatus') finish(meters, 'dlstatus');
    meters[kind] ??= createMeter(labels[kind], { quietMs: 0 });
    meters[kind].update(Math.floor(Number(percent)));
    return true;
  };
  // The reports need a descriptor of their own (apt keeps that one from dpkg, whose scripts want a stdout), and
  // sudo passes on only the first three: so the shell makes one from stdout, after sudo.
  const flags = ['-o', 'APT::Status-Fd=3', '-o', 'Dpkg::Use-Pty=0', '-q', '-y', '--no-install-recommends'];
  const [program, ...args] = [
    ...rights,
    'sh',
    '-c',
    'exec "$@" 3>&1',
    'sh',
    ...command,
    ...flags,
    'install',
    ...packages,
  ];
  await run(program, args, { signal, onLine });
  finish(meters, 'dlstatus');
  finish(meters, 'pmstatus');
}

function finish(meters, kind) {
  meters[kind]?.done();
  meters[kind] = undefined;
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
