import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './child.mjs';
import { createMeter } from './report.mjs';

/**
 * Whether node_modules holds what the lockfile asks for, by npm's own record of what it installed (which it
 * writes last, so an interrupted installation has none).
 * @param {string} root
 * @param {{ dev: boolean }} options `dev`: the packages that only tests need count too
 */
export function packagesAreInstalled(root, { dev }) {
  let installed;
  try {
    installed = readPackages(join(root, 'node_modules', '.package-lock.json'));
  } catch {
    return false;
  }
  return Object.entries(readPackages(join(root, 'package-lock.json'))).every(([path, wanted]) => {
    if (path === '') return true;
    const found = installed[path];
    // A package for another platform is optional and left out.
    if (found === undefined) return wanted.optional === true || (wanted.dev === true && !dev);
    return found.version === wanted.version && found.integrity === wanted.integrity;
  });
}

/**
 * Installs the packages of the lockfile.
 * @param {string} root
 * @param {AbortSignal} signal
 */
export async function installPackages(root, signal) {
  const meter = createMeter('installing npm packages', { quietMs: 0 });
  meter.update(undefined, '(once)');
  // The npm that runs this script, where it does: another one may be first in the path, or none.
  const npm = process.env.npm_execpath;
  const [command, ...args] = npm?.endsWith('.js') ? [process.execPath, npm] : ['npm'];
  try {
    await run(command, [...args, 'ci', '--include=dev', '--no-progress'], { cwd: root, signal });
  } catch (error) {
    meter.stop();
    throw error;
  }
  meter.done();
}

function readPackages(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages;
}
