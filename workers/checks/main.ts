// Checks of the worker that take too long for `npm test`: `npm run worker-checks -- WHAT`.
//   unit [stock] [TESTS…]      mediasoup's own unit tests, with our patches in (stock: without), all or some (Catch2)
//   fuzz [SECONDS] [SEED]      mutated packets to a worker with sanitizers (600 s, a new seed)
//   churn [SECONDS] [SEED]     workers that open and close everything at once, with sanitizers (600 s, a new seed)
//   media                      the self-test's media through a worker with sanitizers
//   call [SCENARIO]            a load test, by a cluster whose workers have sanitizers (meeting-4x4)
//   valgrind [SECONDS] [SEED]  as fuzz and media, but the worker as it is, watched by valgrind
import { join } from 'node:path';
import { ensureWorker } from '../ensure.ts';
import { WorkerError } from '../errors.ts';
import type { Progress } from '../progress.ts';
import { run, ToolFailed } from '../run.ts';
import { selfTest } from '../selftest.ts';
import { churn } from './churn.ts';
import { fuzz } from './fuzz.ts';
import { ensureSanitizedWorker } from './sanitized.ts';
import { runUnitTests } from './unit-tests.ts';
import { memcheck, sanitizers, underWatch } from './watch.ts';

const MEDIA_MS = 120_000;

const say = (text: string): void => {
  process.stderr.write(`${text}\n`);
};
const [what, ...rest] = process.argv.slice(2);
const [seconds = '600', seed = String(Date.now() % 2 ** 32)] = rest;
const ms = Number(seconds) * 1000;

/** Says every tenth per cent of a build. */
function building(): (progress: Progress) => void {
  let said = -10;
  return (progress) => {
    if (progress.phase !== 'compile' || progress.percent === undefined || progress.percent < said + 10)
      return;
    said = progress.percent;
    say(`building: ${progress.percent} %`);
  };
}

/** Says a count now and then. */
function counting(unit: string, every: number): (count: number) => void {
  let said = 0;
  return (count) => {
    if (count < said + every) return;
    said = count;
    say(`${count} ${unit}`);
  };
}

async function fuzzed(workerBin: string): Promise<void> {
  const onProgress = counting('packets', 20_000);
  const packets = await fuzz({ workerBin, seed: Number(seed), until: { ms }, onProgress });
  say(`${packets} packets of seed ${seed}, nothing found`);
}

async function loadTest(workerBin: string, scenario: string): Promise<void> {
  const cwd = join(import.meta.dirname, '../..');
  const args = ['loadtest/loadtest.mjs', '--scenario', `loadtest/scenarios/${scenario}.yaml`];
  await run(process.execPath, args, { cwd, env: { WATERSHED_WORKER_BIN: workerBin }, onLine: say });
}

async function check(): Promise<void> {
  switch (what) {
    case 'unit': {
      const stock = rest[0] === 'stock';
      say(await runUnitTests({ stock, only: stock ? rest.slice(1) : rest, onProgress: building() }));
      break;
    }
    case 'fuzz':
      await underWatch(sanitizers, (await ensureSanitizedWorker(building())).path, fuzzed);
      break;
    case 'churn': {
      const { path } = await ensureSanitizedWorker(building());
      const onProgress = counting('workers', 50);
      const workers = await underWatch(sanitizers, path, (workerBin) =>
        churn({ workerBin, seed: Number(seed), ms, onProgress }),
      );
      say(`${workers} workers of seed ${seed}, nothing found`);
      break;
    }
    case 'media':
      await underWatch(sanitizers, (await ensureSanitizedWorker(building())).path, (watched) =>
        selfTest(watched, { timeoutMs: MEDIA_MS }),
      );
      say('media went through, nothing found');
      break;
    case 'call': {
      const { path } = await ensureSanitizedWorker(building());
      await underWatch(sanitizers, path, (watched) => loadTest(watched, rest[0] ?? 'meeting-4x4'));
      say('the load test passed, nothing found');
      break;
    }
    case 'valgrind':
      await underWatch(memcheck, (await ensureWorker()).path, async (watched) => {
        await selfTest(watched, { timeoutMs: MEDIA_MS });
        await fuzzed(watched);
      });
      break;
    default:
      say(
        'usage: npm run worker-checks -- unit [stock] [TESTS…] | media | call [SCENARIO] | fuzz, churn or valgrind [SECONDS] [SEED]',
      );
      process.exitCode = 2;
  }
}

try {
  await check();
} catch (error) {
  const told = error instanceof ToolFailed ? `${error.message}\n${error.output}` : undefined;
  say(told ?? (error instanceof WorkerError ? error.message : String(error)));
  if (told === undefined && error instanceof Error && error.cause !== undefined) say(String(error.cause));
  process.exitCode = 1;
}
