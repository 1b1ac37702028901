import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { z } from 'zod';
import { issueJoinToken } from '../../src/tokens/issue.ts';
import { Processes } from '../target/processes.ts';
import type { Target } from '../target/target.ts';
import { startCluster } from './cluster.ts';
import { Asker, questionOf } from './directory/asker.ts';
import { machineDescription, machineLines } from './machine.ts';
import { idleSeconds } from './process.ts';
import { FIGURE_HEAD, figureRow, quantile } from './summary.ts';

const optionsSchema = z.object({
  rate: z.coerce.number().int().min(1).max(20_000),
  seconds: z.coerce.number().int().min(1).max(60),
  rounds: z.coerce.number().int().min(1).max(100),
  connections: z.coerce.number().int().min(1).max(5000),
  out: z.string().optional(),
});
type Options = z.output<typeof optionsSchema>;

const REGIONS = ['us', 'eu', 'hk', 'cn'];
/** The node that is asked. */
const ASKED = 'sjc';
/** The asked node's own core; everyone else has the first. */
const NODE_CORE = 1;
/** A wait for answers beyond it is given up, in ms. */
const PATIENCE = 10_000;

/** What answers with no more than HTTP, and how long its answers are, in bytes: a list with five datacenters. */
const BARE = fileURLToPath(new URL('directory/bare.mjs', import.meta.url));
const BARE_BYTES = 900;

interface Round {
  readonly asked: number;
  /** By status; 0 where the connection broke. */
  readonly otherwise: Readonly<Record<string, number>>;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly worstMs: number;
  /** Never answered. */
  readonly open: number;
  /** Of one core, by the node that is asked. */
  readonly processor: number;
  /** Of the core of everyone else: the questioner, Redis, six nodes. Null where all share the machine. */
  readonly others: number | null;
}

/** The node's rounds, and those of a server that only answers, in turns with them. */
interface Rounds {
  readonly node: Round[];
  readonly bare: Round[];
}

/** `npm run bench -- directory`: how long a list takes at a steady rate, from a node of a whole local cluster. */
export async function runDirectory(args: readonly string[]): Promise<void> {
  const command = new Command('npm run bench -- directory')
    .description('How long the directory takes to answer, at a steady rate.')
    .option('--rate <number>', 'questions a second', '2000')
    .option('--seconds <number>', 'of each round', '10')
    .option('--rounds <number>', 'after one that does not count', '5')
    .option('--connections <number>', 'kept alive', '128')
    .option('--out <path>', 'writes PATH.json and PATH.md');
  command.parse(args, { from: 'user' });
  const options = optionsSchema.parse(command.opts());
  const startedAt = new Date().toISOString();
  const rounds = await measure(options);
  const result = { format: 'watershed-directory-benchmark', version: 3, startedAt, options };
  const whole = { ...result, machine: machineDescription(), rounds };
  const text = markdown(startedAt, options, whole.machine, rounds);
  process.stdout.write(text);
  if (options.out === undefined) return;
  writeFileSync(`${options.out}.json`, `${JSON.stringify(whole, null, 2)}\n`);
  writeFileSync(`${options.out}.md`, text);
}

async function measure(options: Options): Promise<Rounds> {
  const pinned = availableParallelism() > NODE_CORE;
  // Inherited by all that is started from here.
  if (pinned) pin(process.pid, 0);
  const cluster = await startCluster();
  const bare = spawn(process.execPath, [BARE, String(BARE_BYTES)], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  try {
    const node = cluster.nodes.find(({ datacenter }) => datacenter === ASKED);
    if (node === undefined || node.pid === null) throw new Error(`no node runs at ${ASKED}`);
    const answerers = {
      bare: { pid: bare.pid ?? 0, port: await portOf(bare) },
      node: { pid: node.pid, port: Number(new URL(node.url).port) },
    };
    const rounds: Rounds = { node: [], bare: [] };
    if (pinned) for (const { pid } of Object.values(answerers)) pin(pid, NODE_CORE);
    for (let n = 0; n <= options.rounds; n++) {
      // Signed before it counts: an issuer is somebody else's machine.
      const questions = await questionsOf(cluster, n, options.rate * options.seconds);
      for (const name of ['bare', 'node'] as const) {
        const round = await measureRound(answerers[name], questions, options, pinned);
        console.error(
          `round ${n}, ${name}: p50 ${round.p50Ms.toFixed(2)} ms, p99 ${round.p99Ms.toFixed(2)} ms`,
        );
        if (n > 0) rounds[name].push(round);
      }
    }
    return rounds;
  } finally {
    bare.kill();
    await cluster.close();
  }
}

/** Resolves with the port that the server prints. */
async function portOf({ stdout }: ChildProcess): Promise<number> {
  if (stdout === null) throw new Error('no output to read a port from');
  const [line] = await once(stdout, 'data', { signal: AbortSignal.timeout(10_000) });
  return Number(line);
}

async function measureRound(
  { pid, port }: { pid: number; port: number },
  questions: readonly string[],
  options: Options,
  pinned: boolean,
): Promise<Round> {
  const processes = new Processes();
  processes.watch({ name: 'node', kind: 'node', pid });
  const cpuSeconds = () => processes.sample().get('node')?.cpuSeconds ?? Number.NaN;
  const askers = Array.from({ length: options.connections }, () => new Asker(port));
  cpuSeconds();
  const idle = idleSeconds()[0] ?? Number.NaN;
  const start = performance.now();
  const { times, otherwise, open } = await askSteadily(askers, questions, options);
  const seconds = (performance.now() - start) / 1000;
  const processor = cpuSeconds() / seconds;
  const others = pinned ? 1 - ((idleSeconds()[0] ?? Number.NaN) - idle) / seconds : null;
  for (const asker of askers) asker.close();
  const [p50Ms, p99Ms, worstMs] = [quantile(times, 0.5), quantile(times, 0.99), quantile(times, 1)];
  return { asked: questions.length, otherwise, open, p50Ms, p99Ms, worstMs, processor, others };
}

/** Puts a process with all its threads on one core. */
function pin(pid: number, core: number): void {
  execFileSync('taskset', ['-apc', String(core), String(pid)], { stdio: 'ignore' });
}

/** Each with a token and a room of its own, as every participant has. */
async function questionsOf({ issuer }: Target, round: number, count: number): Promise<string[]> {
  const questions: string[] = [];
  for (let n = 0; n < count; n++) {
    const region = REGIONS[n % REGIONS.length] ?? '';
    const claims = { room: `room-${round}-${n}`, role: 'participant' as const, region };
    questions.push(questionOf(await issueJoinToken(issuer, claims, { ttlSeconds: 600 })));
  }
  return questions;
}

/**
 * Asks at a steady rate whether answers come or not; a question that finds no free connection waits, and its time
 * counts from when it was due. Times of those that were answered with a list, in ms.
 */
async function askSteadily(
  askers: readonly Asker[],
  questions: readonly string[],
  { rate }: Options,
): Promise<Pick<Round, 'otherwise' | 'open'> & { times: number[] }> {
  const free = [...askers];
  const due: number[] = [];
  const times: number[] = [];
  const otherwise: Record<string, number> = {};
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
      void asker.ask(questions[asked++] ?? '').then((status) => {
        open -= 1;
        if (status === 200) times.push(performance.now() - at);
        else otherwise[status] = (otherwise[status] ?? 0) + 1;
        free.push(asker);
        serve();
      });
    }
  };
  for (let n = 0; n < questions.length; ) {
    const elapsed = performance.now() - start;
    for (; n < questions.length && n < (elapsed * rate) / 1000; n++) due.push(start + (n * 1000) / rate);
    serve();
    await sleep(1);
  }
  const deadline = performance.now() + PATIENCE;
  while ((open > 0 || due.length > 0) && performance.now() < deadline) await sleep(10);
  return { times, otherwise, open: open + due.length };
}

function markdown(
  startedAt: string,
  { rate, seconds, connections }: Options,
  machine: Readonly<Record<string, string>>,
  { node: rounds, bare }: Rounds,
): string {
  const figure = (name: string, read: (round: Round) => number, unit: string, digits: number): string =>
    figureRow(name, rounds.map(read), unit, digits);
  const pinned = rounds.every(({ others }) => others !== null);
  return [
    '# Directory: how long a list takes',
    '',
    `${startedAt}: ${rate} questions a second for ${seconds} s, ${rounds.length} rounds, over ${connections} connections.`,
    'Each question has a token and a room of its own; four regions in turn. A local cluster of seven nodes, of which one',
    pinned
      ? 'is asked and has a core to itself (taskset); the others, Redis and the questioner share another.'
      : 'is asked; it, the others, Redis and the questioner share the machine.',
    '',
    ...machineLines(machine),
    '',
    ...FIGURE_HEAD,
    figure('p50', ({ p50Ms }) => p50Ms, 'ms', 2),
    figure('p99 (promised: 5 ms)', ({ p99Ms }) => p99Ms, 'ms', 2),
    figure('slowest', ({ worstMs }) => worstMs, 'ms', 1),
    figure('the node, of one core', ({ processor }) => processor * 100, '%', 0),
    ...(pinned ? [figure('the core of everyone else', ({ others }) => (others ?? 0) * 100, '%', 0)] : []),
    '',
    answered(rounds),
    '',
    'The same questions put, in turns with it, to a Node HTTP server on the same core that answers with the same bytes',
    'each time: what the machine, the questioner and HTTP take of the above.',
    '',
    ...FIGURE_HEAD,
    figureRow(
      'p50',
      bare.map(({ p50Ms }) => p50Ms),
      'ms',
      2,
    ),
    figureRow(
      'p99',
      bare.map(({ p99Ms }) => p99Ms),
      'ms',
      2,
    ),
    figureRow(
      'slowest',
      bare.map(({ worstMs }) => worstMs),
      'ms',
      1,
    ),
    figureRow(
      'the server, of one core',
      bare.map(({ processor }) => processor * 100),
      '%',
      0,
    ),
    '',
    'Each list is made anew: the token verified, who is up read (at most twice a second), the room looked up in Redis,',
    'the list signed, the decision logged.',
    '',
  ].join('\n');
}

/** Whether all questions were answered with a list, and if not, how. */
function answered(rounds: readonly Round[]): string {
  const open = rounds.reduce((sum, round) => sum + round.open, 0);
  const others = rounds.flatMap(({ otherwise }) => Object.entries(otherwise));
  if (open === 0 && others.length === 0) return 'Every question was answered with a list.';
  const counted = others.map(([status, count]) => `${count} × ${status}`);
  return `Not lists (0: the connection broke): ${[...counted, `${open} never answered`].join(', ')}.`;
}
