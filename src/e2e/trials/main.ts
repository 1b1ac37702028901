import { parseArgs } from 'node:util';
import { releaseWebRtc } from '../../../loadtest/participant/participant.ts';

/** What a trial is asked for on the command line; each takes what it knows, with a default of its own. */
interface Given {
  readonly seconds: number | undefined;
  readonly seed: number | undefined;
  readonly rounds: number | undefined;
  readonly people: number | undefined;
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** Long trials of a whole cluster, by name: `npm run trial -- NAME`. Each resolves with whether it held. */
const trials: Readonly<Record<string, (given: Given) => Promise<boolean>>> = {
  schedules: async ({ seed = Math.floor(Math.random() * 2 ** 31), rounds = 20 }) => {
    const { schedules } = await import('./schedules.ts');
    say(`seed ${seed}`);
    const { breaches, admitted } = await schedules({ seed, rounds, say });
    for (const breach of breaches) say(breach);
    return breaches.length === 0 && admitted > 0;
  },
  links: async ({ seed = Math.floor(Math.random() * 2 ** 31), rounds = 12, people = 300 }) => {
    const { links } = await import('./links.ts');
    say(`seed ${seed}`);
    const { differences, dropped } = await links({ seed, rounds, people, rooms: 3, say });
    for (const difference of differences) say(difference);
    return differences.length === 0 && dropped > 0;
  },
  'redis-outage': async ({ seconds = 420 }) => {
    const { GAP_MS, redisOutage } = await import('./redis-outage.ts');
    const result = await redisOutage({ seconds, say });
    const { restarts, lostProcesses, lostSessions, silent, readyMs, longestGapMs } = result;
    return (
      restarts + lostProcesses + lostSessions + silent === 0 && readyMs <= 10_000 && longestGapMs <= GAP_MS
    );
  },
};

function numberOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!Number.isInteger(number) || number < 0) throw new Error(`not a whole number: ${text}`);
  return number;
}

async function main(args: readonly string[]): Promise<number> {
  const options = {
    seconds: { type: 'string' },
    seed: { type: 'string' },
    rounds: { type: 'string' },
    people: { type: 'string' },
  } as const;
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
  const [name = ''] = positionals;
  const trial = Object.hasOwn(trials, name) ? trials[name] : undefined;
  if (trial === undefined) {
    const names = Object.keys(trials).join('|');
    say(`usage: npm run trial -- ${names} [--seconds N] [--seed N] [--rounds N] [--people N]`);
    return 2;
  }
  const { seconds, seed, rounds, people } = values;
  const held = await trial({
    seconds: numberOf(seconds),
    seed: numberOf(seed),
    rounds: numberOf(rounds),
    people: numberOf(people),
  });
  say(held ? 'held' : 'NOT HELD');
  return held ? 0 : 1;
}

main(process.argv.slice(2)).then(
  (code) => {
    releaseWebRtc();
    process.exitCode = code;
  },
  (error: unknown) => {
    releaseWebRtc();
    console.error(error);
    process.exitCode = 1;
  },
);
