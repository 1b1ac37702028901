import { spread } from './result.ts';

/** The value that `share` of the values do not exceed; NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? Number.NaN;
}

/** A row of a table of figures: name, median and range over the rounds. */
export function figureRow(name: string, rounds: readonly number[], unit: string, digits: number): string {
  const found = spread(rounds);
  if (found === null) return `| ${name} | none | |`;
  const { median, min, max } = found;
  const text = (value: number): string => value.toFixed(digits);
  return `| ${name} | ${text(median)} ${unit} | ${text(min)} to ${text(max)} |`;
}

/** The head of such a table. */
export const FIGURE_HEAD: readonly string[] = ['| figure | median | range |', '|---|---|---|'];
