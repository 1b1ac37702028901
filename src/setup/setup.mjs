// Makes a checkout ready: npm packages, Debian packages, the media worker. Plain JavaScript without
// dependencies, since it runs before node_modules exists. `.npmrc` switches npm's own scripts off, so start
// and test call it themselves.
//
//   setup.mjs all      everything: what starting, local clusters, load tests and tests need
//   setup.mjs test     the same
//   setup.mjs cluster  what a local cluster needs
//   setup.mjs start    what a node needs, and then becomes that node, in this process: so a signal to npm, to
//                      its shell or to the group reaches the node, and there is nobody in between to outlive it
import { dirname } from 'node:path';
import { CommandFailed } from './child.mjs';
import {
  buildRequirements,
  clusterRequirements,
  installDebianPackages,
  missingPackages,
  testRequirements,
} from './debian.mjs';
import { installPackages, packagesAreInstalled } from './npm-packages.mjs';
import { say } from './report.mjs';
import { isStamped, writeStamp } from './stamp.mjs';
import { ensureWorker, findCurrentWorker } from './worker.mjs';

const root = dirname(dirname(import.meta.dirname));
const [mode = 'all', ...rest] = process.argv.slice(2);

const beside = {
  all: [testRequirements],
  test: [testRequirements],
  cluster: [clusterRequirements],
  start: [],
};

if (!Object.hasOwn(beside, mode)) {
  say(`usage: setup.mjs [${Object.keys(beside).join(' | ')}]`);
  process.exit(2);
}
if (await setUp(mode)) {
  if (mode === 'start') await becomeNode();
} else {
  process.exit(1);
}

/** Does what is missing; false, after saying why, when that is not possible. */
async function setUp(mode) {
  if (isStamped(root, mode)) return true;
  const ending = new AbortController();
  const end = () => ending.abort();
  process.on('SIGINT', end).on('SIGTERM', end).on('SIGHUP', end);
  try {
    if (!packagesAreInstalled(root, { dev: mode === 'all' || mode === 'test' }))
      await installPackages(root, ending.signal);
    const needed = [...beside[mode]];
    // Whoever has a worker needs no compiler.
    if ((await findCurrentWorker()) === undefined) needed.push(buildRequirements(root));
    const missing = missingPackages(needed);
    if (missing.length > 0) await installDebianPackages(missing, ending.signal);
    writeStamp(root, mode, await ensureWorker(ending.signal));
    return true;
  } catch (error) {
    if (ending.signal.aborted) {
      say('set-up was interrupted');
      return false;
    }
    say(`set-up failed: ${error instanceof Error ? error.message : error}`);
    if (error instanceof CommandFailed) say(error.output.trim());
    return false;
  } finally {
    process.off('SIGINT', end).off('SIGTERM', end).off('SIGHUP', end);
  }
}

/** Hands this process over to `watershed node` with the arguments that were given to `npm start`. */
async function becomeNode() {
  const command = new URL('../cli/watershed.mjs', import.meta.url);
  process.argv.splice(1, process.argv.length, command.pathname, 'node', ...rest);
  await import(command.href);
}
