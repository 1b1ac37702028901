import { cleanup } from 'node-datachannel';
import { pushMedia } from './selftest-media.ts';

// The self-test's own process: what is wrong with a worker, or with the native participant, stays in here.
// Whoever started it bounds it; this is for when that one is gone.
setTimeout(() => process.exit(2), 120_000).unref();
const [bin] = process.argv.slice(2);
if (bin === undefined) throw new Error('usage: selftest-main.ts WORKER');
try {
  process.stdout.write(`${await pushMedia(bin)} payloads\n`);
} catch (error) {
  const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : '';
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}${cause}\n`);
  process.exitCode = 1;
}
cleanup();
process.exit();
