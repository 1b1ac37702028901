// Checks of the worker that take too long for `npm test`. Needs valgrind.
//   main.ts fuzz [SECONDS] [SEED]   the worker under mutated packets, watched by valgrind (600 s, a new seed)
//   main.ts media                   the self-test's media through the worker, watched by valgrind
import { ensureWorker } from '../ensure.ts';
import { selfTest } from '../selftest.ts';
import { fuzz } from './fuzz.ts';
import { underMemcheck } from './memcheck.ts';

const MEDIA_MS = 120_000;
const SAY_EVERY = 20_000;

const say = (text: string): void => {
  process.stderr.write(`${text}\n`);
};
const [what, seconds = '600', seed = String(Date.now() % 2 ** 32)] = process.argv.slice(2);
const { path: workerBin } = await ensureWorker();
switch (what) {
  case 'fuzz': {
    say(`fuzzing for ${seconds} s with seed ${seed}`);
    let said = 0;
    const onProgress = (packets: number): void => {
      if (packets < said + SAY_EVERY) return;
      said = packets;
      say(`${packets} packets`);
    };
    const until = { ms: Number(seconds) * 1000 };
    const packets = await underMemcheck(workerBin, (watched) =>
      fuzz({ workerBin: watched, seed: Number(seed), until, onProgress }),
    );
    say(`${packets} packets, nothing found`);
    break;
  }
  case 'media':
    await underMemcheck(workerBin, (watched) => selfTest(watched, { timeoutMs: MEDIA_MS }));
    say('media went through, nothing found');
    break;
  default:
    say('usage: main.ts fuzz [SECONDS] [SEED] | media');
    process.exitCode = 2;
}
