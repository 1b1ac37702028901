import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { MediaResult, Row } from './result.ts';

const SHOWN = ['reference', 'stock', 'product', 'janus', 'janus-1loop'] as const;

/** The README's table: processor time per packet of every row, and the product's ratio to the stock worker. */
export function performanceTable(result: MediaResult): string {
  const lines = [
    `| traffic (publishers → subscribers) | ${SHOWN.join(' | ')} | product to stock |`,
    `|---|${SHOWN.map(() => '---:|').join('')}---:|`,
  ];
  for (const { title, rows } of result.plans) {
    const row = (label: string): Row | undefined => rows.find((other) => other.label === label);
    const cpu = SHOWN.map((label) => row(label)?.summary?.cpu.median.toFixed(1) ?? '–');
    const ratio = row('product')?.summary?.ratios.stock;
    const shown =
      ratio === undefined
        ? '–'
        : `${ratio.median.toFixed(2)} (${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)})`;
    lines.push(`| ${title} | ${cpu.join(' | ')} | ${shown} |`);
  }
  return lines.join('\n');
}

// `npx tsx loadtest/bench/readme.ts loadtest/results/media.json`
if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const result: MediaResult = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8'));
  console.log(performanceTable(result));
}
