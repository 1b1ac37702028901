import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { MediaResult, PlanResult, Row } from './result.ts';

const ROOT = join(import.meta.dirname, '../..');
const README = join(ROOT, 'README.md');
const RESULT = join(ROOT, 'loadtest/results/media.json');

const SHOWN = ['reference', 'stock', 'product', 'janus', 'janus-1loop'] as const;
/** Subscribers of each publisher in the table that has every row. */
const FAN_OUT = 50;
const BETWEEN = /(?<=<!-- performance -->\n)[\s\S]*(?=\n<!-- \/performance -->)/;

function rowOf({ rows }: PlanResult, label: string): Row | undefined {
  return rows.find((row) => row.label === label);
}

/** Processor time per packet of every row, and the product's ratio to the stock worker, at one fan-out. */
function everyRow({ plans }: MediaResult): string[] {
  const shown = plans.filter(({ shape, fanOut }) => fanOut === FAN_OUT || shape === 'meeting');
  return [
    `| traffic (publishers → subscribers) | ${SHOWN.join(' | ')} | product to stock |`,
    `|---|${SHOWN.map(() => '---:|').join('')}---:|`,
    ...shown.map((plan) => {
      const cpu = SHOWN.map((label) => rowOf(plan, label)?.summary?.cpu.median.toFixed(1) ?? '–');
      const ratio = rowOf(plan, 'product')?.summary?.ratios.stock;
      const last =
        ratio === undefined
          ? '–'
          : `${ratio.median.toFixed(2)} (${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)})`;
      return `| ${plan.title} | ${cpu.join(' | ')} | ${last} |`;
    }),
  ];
}

/** The product's ratio to the stock worker, by shape and fan-out; nothing of a result with one fan-out. */
function everyFanOut({ plans }: MediaResult): string[] {
  const several = plans.filter(({ shape }) => shape !== 'meeting');
  const fanOuts = [...new Set(several.map(({ fanOut }) => fanOut))].sort((a, b) => a - b);
  const shapes = [...new Set(several.map(({ shape }) => shape))];
  if (fanOuts.length < 2) return [];
  return [
    '',
    'Product to stock at other fan-outs:',
    '',
    `| traffic | ${fanOuts.map((fanOut) => `1→${fanOut}`).join(' | ')} |`,
    `|---|${fanOuts.map(() => '---:|').join('')}`,
    ...shapes.map((shape) => {
      const cells = fanOuts.map((fanOut) => {
        const plan = several.find((other) => other.shape === shape && other.fanOut === fanOut);
        return (plan && rowOf(plan, 'product')?.summary?.ratios.stock?.median.toFixed(2)) ?? '';
      });
      return `| ${shape} | ${cells.join(' | ')} |`;
    }),
  ];
}

/** What the README says between its two marks, from a result. */
export function performanceSection(result: MediaResult): string {
  return [...everyRow(result), ...everyFanOut(result)].join('\n');
}

/** What the README says there now. */
export function sectionInReadme(): string | undefined {
  return BETWEEN.exec(readFileSync(README, 'utf8'))?.[0];
}

export function committedResult(): MediaResult {
  return JSON.parse(readFileSync(RESULT, 'utf8'));
}

// `npx tsx loadtest/bench/readme.ts` writes the README's part anew.
if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const text = readFileSync(README, 'utf8');
  writeFileSync(
    README,
    text.replace(BETWEEN, () => performanceSection(committedResult())),
  );
}
