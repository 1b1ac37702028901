import { writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { z } from 'zod';
import { machineDescription, machineLines } from './machine.ts';
import { commandFigures } from './policy/commands.ts';
import { decisionFigures } from './policy/decisions.ts';
import type { Figure } from './policy/figure.ts';
import { switchFigures } from './policy/switch.ts';

const optionsSchema = z.object({
  rounds: z.coerce.number().int().min(1).max(100),
  only: z.string(),
  out: z.string().optional(),
});

interface Measured {
  readonly name: string;
  readonly unit: string;
  readonly target: Figure['target'];
  readonly rounds: readonly number[];
  readonly median: number;
  readonly reached: boolean | null;
}

/** `npm run bench -- policy`: what the policy engine promises, each figure the median of several rounds. */
export async function runPolicy(args: readonly string[]): Promise<void> {
  const command = new Command('npm run bench -- policy')
    .description('What decisions, proofs and a switch of policy cost.')
    .option('--rounds <number>', 'of each figure, after one that warms up', '5')
    .option('--only <text>', 'figures whose name has it', '')
    .option('--out <path>', 'writes PATH.json and PATH.md');
  command.parse(args, { from: 'user' });
  const { rounds, only, out } = optionsSchema.parse(command.opts());
  const figures = [...decisionFigures(), ...commandFigures(), ...switchFigures()];
  const startedAt = new Date().toISOString();
  const measured: Measured[] = [];
  for (const figure of figures.filter(({ name }) => name.includes(only))) {
    process.stderr.write(`${figure.name}\n`);
    measured.push(summary(figure, await figure.measure(rounds)));
  }
  const result = {
    format: 'watershed-policy-benchmark',
    version: 1,
    startedAt,
    machine: machineDescription(),
    figures: measured,
  };
  const text = markdown(result);
  process.stdout.write(text);
  if (out === undefined) return;
  writeFileSync(`${out}.json`, `${JSON.stringify(result, null, 2)}\n`);
  writeFileSync(`${out}.md`, text);
}

function summary({ name, unit, target }: Figure, rounds: readonly number[]): Measured {
  const sorted = rounds.toSorted((a, b) => a - b);
  const median = sorted[sorted.length >> 1] ?? Number.NaN;
  const reached =
    target === null ? null : 'atLeast' in target ? median >= target.atLeast : median <= target.atMost;
  return { name, unit, target, rounds, median, reached };
}

function markdown(result: {
  readonly startedAt: string;
  readonly machine: Readonly<Record<string, string>>;
  readonly figures: readonly Measured[];
}): string {
  const rows = result.figures.map(({ name, unit, target, rounds, median, reached }) => {
    const promise = target === null ? '' : 'atLeast' in target ? `≥ ${target.atLeast}` : `≤ ${target.atMost}`;
    const range = `${short(Math.min(...rounds))} to ${short(Math.max(...rounds))}`;
    return `| ${name} | ${short(median)} ${unit} | ${range} | ${promise} | ${reached === false ? 'no' : 'yes'} |`;
  });
  return [
    '# Policy: figures',
    '',
    `${result.startedAt}, ${result.figures[0]?.rounds.length ?? 0} rounds.`,
    '',
    ...machineLines(result.machine),
    '',
    '| figure | median | range | promised | reached |',
    '|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
