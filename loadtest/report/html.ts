import type { RunResult } from './result.ts';
import { summaryOf } from './summary.ts';

/** One self-contained HTML page. */
export function reportOf(result: RunResult): string {
  const text = summaryOf(result).replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<!doctype html><meta charset="utf-8"><title>${result.scenario.name}</title><pre>${text}</pre>\n`;
}
