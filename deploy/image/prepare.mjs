// Makes what an image has ready-made: the media worker, copied to where the argument says, and the meeting page.
import { copyFileSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { register } from 'tsx/esm/api';

register();
const { ensureWorker } = await import('../../workers/ensure.ts');
const { ensurePageBundle } = await import('../../src/web/bundle.ts');

const [, , target] = process.argv;
if (target === undefined) throw new Error('usage: prepare.mjs FILE');
const { path, version, origin } = await ensureWorker();
mkdirSync(dirname(target), { recursive: true });
copyFileSync(path, target);
await ensurePageBundle();
process.stdout.write(`mediasoup ${version}, ${origin}: ${target}\n`);
