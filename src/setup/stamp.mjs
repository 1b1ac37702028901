import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

// A set-up that found everything in place leaves a stamp in node_modules, so that the next one need not look
// again: it holds as long as nothing changed that the set-up would have looked at.

/**
 * @param {string} root
 * @param {string} mode
 */
export function isStamped(root, mode) {
  try {
    const stamp = JSON.parse(readFileSync(stampFile(root, mode), 'utf8'));
    return stamp.state === fingerprint(root) && stamp.worker.state === fileState(stamp.worker.path);
  } catch {
    return false;
  }
}

/**
 * @param {string} root
 * @param {string} mode
 * @param {string} workerPath
 */
export function writeStamp(root, mode, workerPath) {
  const stamp = { state: fingerprint(root), worker: { path: workerPath, state: fileState(workerPath) } };
  const pending = `${stampFile(root, mode)}.${process.pid}`;
  writeFileSync(pending, JSON.stringify(stamp));
  renameSync(pending, stampFile(root, mode));
}

function stampFile(root, mode) {
  return join(root, 'node_modules', `.watershed-${mode}`);
}

function fingerprint(root) {
  const { PATH, HOME, XDG_CACHE_HOME, WATERSHED_CACHE_DIR, WATERSHED_WORKER_BIN } = process.env;
  const workers = join(root, 'workers');
  const files = readdirSync(workers, { recursive: true })
    .filter((name) => !/\.(test\.ts|md)$/.test(name))
    .map((name) => join(workers, name));
  const seen = [
    process.version,
    process.arch,
    PATH,
    HOME,
    XDG_CACHE_HOME,
    WATERSHED_CACHE_DIR,
    WATERSHED_WORKER_BIN,
    readFileSync(join(root, 'package-lock.json'), 'utf8'),
    fileState(join(root, 'node_modules', '.package-lock.json')),
    // Changes whenever a Debian package comes, goes or is replaced.
    fileState('/var/lib/dpkg/status'),
    ...files.sort().map(fileState),
  ];
  return createHash('sha256').update(JSON.stringify(seen)).digest('hex');
}

function fileState(path) {
  try {
    const { size, mtimeMs } = statSync(path);
    return `${path} ${size} ${mtimeMs}`;
  } catch {
    return `${path} missing`;
  }
}
