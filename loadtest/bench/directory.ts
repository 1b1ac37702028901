import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { z } from 'zod';
import { startRedisServer } from '../../src/registry/testing/redis-server.ts';
import { Asker, questionOf } from './directory/asker.ts';
import { machineDescription } from './machine.ts';

const optionsSchema = z.object({
  rate: z.coerce.number().int().min(1).max(20_000),
  seconds: z.coerce.number().int().min(1).max(600),
  connections: z.coerce.number().int().min(1).max(5000),
  out: z.string().optional(),
});
type Options = z.output<typeof optionsSchema>;

const readySchema = z.object({ port: z.int(), tokens: z.array(z.string()) });
const usageSchema = z.object({ cpuMicros: z.number() });
const TOKENS = 400;
const WARM_UP_SECONDS = 3;

interface Measured {
  readonly asked: number;
  readonly answered: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly worstMs: number;
  /** Of one core, by all nodes of the process. */
  readonly processor: number;
}

/** `npm run bench -- directory`: how long a list takes at a steady rate, from a real node with a real Redis. */
export async function runDirectory(args: readonly string[]): Promise<void> {
  const command = new Command('npm run bench -- directory')
    .description('How long the directory takes to answer, at a steady rate.')
    .option('--rate <number>', 'questions a second', '2000')
    .option('--seconds <number>', 'after a warm-up', '20')
    .option('--connections <number>', 'kept alive', '128')
    .option('--out <path>', 'writes PATH.json and PATH.md');
  command.parse(args, { from: 'user' });
  const options = optionsSchema.parse(command.opts());
  const startedAt = new Date().toISOString();
  const measured = await measure(options);
  const result = { format: 'watershed-directory-benchmark', version: 1, startedAt, options };
  const whole = { ...result, machine: machineDescription(), measured };
  const text = markdown(startedAt, options, whole.machine, measured);
  process.stdout.write(text);
  if (options.out === undefined) return;
  writeFileSync(`${options.out}.json`, `${JSON.stringify(whole, null, 2)}\n`);
  writeFileSync(`${options.out}.md`, text);
}

async function measure(options: Options): Promise<Measured> {
  const redis = await startRedisServer();
  const script = fileURLToPath(new URL('directory/cloud.ts', import.meta.url));
  const child = fork(script, [String(redis.port), String(TOKENS)], { execArgv: ['--import', 'tsx'] });
  try {
    const { port, tokens } = readySchema.parse(await told(child, 120_000));
    const questions = tokens.map(questionOf);
    const askers = Array.from({ length: options.connections }, () => new Asker(port));
    await askSteadily(askers, questions, options.rate, WARM_UP_SECONDS);
    const before = await usage(child);
    const start = performance.now();
    const { asked, times } = await askSteadily(askers, questions, options.rate, options.seconds);
    const elapsed = performance.now() - start;
    const cpuMicros = (await usage(child)) - before;
    for (const asker of askers) asker.close();
    times.sort((a, b) => a - b);
    return {
      asked,
      answered: times.length,
      p50Ms: times[Math.floor(times.length * 0.5)] ?? Number.NaN,
      p99Ms: times[Math.floor(times.length * 0.99)] ?? Number.NaN,
      worstMs: times.at(-1) ?? Number.NaN,
      processor: cpuMicros / 1000 / elapsed,
    };
  } finally {
    if (child.exitCode === null) {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
    await redis.end();
  }
}

/**
 * Asks at a steady rate whether answers come or not; a question that finds no free connection waits, and its time
 * counts from when it was due. Times of those that were answered with a list, in ms.
 */
async function askSteadily(
  askers: readonly Asker[],
  questions: readonly string[],
  rate: number,
  seconds: number,
): Promise<{ asked: number; times: number[] }> {
  const free = [...askers];
  const due: number[] = [];
  const times: number[] = [];
  const start = performance.now();
  let asked = 0;
  let open = 0;
  const serve = (): void => {
    for (;;) {
      const at = due[0];
      const asker = at === undefined ? undefined : free.pop();
      if (at === undefined || asker === undefined) return;
      due.shift();
      open += 1;
      void asker.ask(questions[asked++ % questions.length] ?? '').then((status) => {
        open -= 1;
        if (status === 200) times.push(performance.now() - at);
        free.push(asker);
        serve();
      });
    }
  };
  for (let n = 0; n < rate * seconds; ) {
    const elapsed = performance.now() - start;
    for (; n < rate * seconds && n < (elapsed * rate) / 1000; n++) due.push(start + (n * 1000) / rate);
    serve();
    await sleep(1);
  }
  const deadline = performance.now() + 10_000;
  while ((open > 0 || due.length > 0) && performance.now() < deadline) await sleep(10);
  return { asked, times };
}

async function usage(child: ChildProcess): Promise<number> {
  const answer = told(child, 10_000);
  child.send('usage');
  return usageSchema.parse(await answer).cpuMicros;
}

/** What the child says next. */
async function told(child: ChildProcess, withinMs: number): Promise<unknown> {
  const [message] = await once(child, 'message', { signal: AbortSignal.timeout(withinMs) });
  return message;
}

function markdown(
  startedAt: string,
  { rate, seconds, connections }: Options,
  machine: Readonly<Record<string, string>>,
  { asked, answered, p50Ms, p99Ms, worstMs, processor }: Measured,
): string {
  return [
    '# Directory: how long a list takes',
    '',
    `${startedAt}: ${rate} questions a second for ${seconds} s over ${connections} connections, ${TOKENS} tokens of`,
    'four regions, each for a room of its own. Node and questioner share the machine, with Redis.',
    '',
    ...Object.entries(machine).map(([what, value]) => `- ${what}: ${value}`),
    '',
    '| asked | lists | p50 | p99 (promised: 5 ms) | worst | of one core |',
    '|---|---|---|---|---|---|',
    `| ${asked} | ${answered} | ${p50Ms.toFixed(2)} ms | ${p99Ms.toFixed(2)} ms | ${worstMs.toFixed(1)} ms | ${(processor * 100).toFixed(0)} % |`,
    '',
    'Each list is made anew: the token verified, who is up read (at most twice a second), the room looked up in Redis,',
    'the list signed. All seven nodes of the example run in the measured process.',
    '',
  ].join('\n');
}
