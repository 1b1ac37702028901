/** Figures for people: short, and never more exact than they are. */

export function count(value: number): string {
  if (value >= 1e9) return `${trim(value / 1e9)} G`;
  if (value >= 1e6) return `${trim(value / 1e6)} M`;
  if (value >= 1e4) return `${trim(value / 1e3)} k`;
  return Number.isInteger(value) ? String(value) : trim(value);
}

/** What has a limit beside it: to three digits, so that what misses it by little can be told from it. */
export function figure(value: number): string {
  return value < 100 ? String(Number(value.toPrecision(3))) : count(value);
}

export function bits(value: number): string {
  if (value >= 1e9) return `${trim(value / 1e9)} Gbit/s`;
  if (value >= 1e6) return `${trim(value / 1e6)} Mbit/s`;
  return `${trim(value / 1e3)} kbit/s`;
}

export function bytes(value: number): string {
  if (value >= 2 ** 30) return `${trim(value / 2 ** 30)} GiB`;
  return `${trim(value / 2 ** 20)} MiB`;
}

export function percent(share: number): string {
  const value = share * 100;
  if (value === 0) return '0 %';
  if (value < 0.01) return '< 0.01 %';
  return `${value < 10 ? trim(value, 2) : Math.round(value)} %`;
}

export function milliseconds(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return '–';
  if (value >= 2000) return `${trim(value / 1000)} s`;
  return `${trim(value, value < 10 ? 2 : 1)} ms`;
}

export function seconds(value: number): string {
  if (value >= 7200) return `${trim(value / 3600)} h`;
  if (value >= 180) return `${trim(value / 60)} min`;
  return `${Math.round(value)} s`;
}

function trim(value: number, digits = 1): string {
  return value >= 100 ? String(Math.round(value)) : String(Number(value.toFixed(digits)));
}
