/** From a domain of values to a range of pixels. */
export interface Scale {
  (value: number): number;
  readonly ticks: readonly number[];
  readonly top: number;
}

/** Linear from 0 to a round number above `most`. */
export function linear(most: number, from: number, to: number, wanted = 4): Scale {
  const step = niceStep(Math.max(most, 1e-9) / wanted);
  const top = Math.max(step, Math.ceil(most / step - 1e-9) * step);
  const ticks = Array.from({ length: Math.round(top / step) + 1 }, (_, index) => index * step);
  const map = (value: number): number => from + (Math.min(value, top) / top) * (to - from);
  return Object.assign(map, { ticks, top });
}

/** Logarithmic over the decades that hold `least` to `most`; both above 0. */
export function logarithmic(least: number, most: number, from: number, to: number): Scale {
  const low = Math.floor(Math.log10(least));
  const high = Math.max(low + 1, Math.ceil(Math.log10(most) - 1e-9));
  const ticks = Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index));
  const map = (value: number): number => {
    const at = (Math.log10(Math.max(value, 10 ** low)) - low) / (high - low);
    return from + Math.min(1, Math.max(0, at)) * (to - from);
  };
  return Object.assign(map, { ticks, top: 10 ** high });
}

function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough - 1e-12) ?? 10;
  return step * power;
}
