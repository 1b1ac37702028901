// Makes what a node in production has ready-made:
//
//   prepare.mjs worker FILE   the media worker, built, tested and put where FILE says
//   prepare.mjs page          the meeting page
//
// No worker is fetched ready-made: one that lacks our patches does not run in production.
import { copyFileSync, mkdirSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tsImport } from 'tsx/esm/api';
import { buildRequirements, missingPackages } from '../../src/setup/debian.mjs';
import { say } from '../../src/setup/report.mjs';
import { ensureWorker } from '../../src/setup/worker.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));

async function worker(target) {
  const missing = missingPackages([buildRequirements(root)]);
  if (missing.length > 0) {
    const install = `apt-get install -y --no-install-recommends ${missing.join(' ')}`;
    throw new Error(`the media worker is built from these Debian packages; as root run:\n  ${install}`);
  }
  const built = await ensureWorker(new AbortController().signal);
  mkdirSync(dirname(target), { recursive: true });
  // Not over the file itself, which may be running.
  copyFileSync(built, `${target}.new`);
  renameSync(`${target}.new`, target);
}

async function page() {
  const { ensurePageBundle } = await tsImport('../../src/web/bundle.ts', import.meta.url);
  await ensurePageBundle();
}

const [what, target, ...rest] = process.argv.slice(2);
try {
  if (what === 'worker' && target !== undefined && rest.length === 0) await worker(target);
  else if (what === 'page' && target === undefined) await page();
  else throw new Error('usage: prepare.mjs worker FILE | prepare.mjs page');
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
