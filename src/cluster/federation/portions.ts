/** What one message of a room lists at most of anything, and its size as JSON, in bytes: a link carries four of them. */
export const PORTION = 1000;
const PORTION_BYTES = 224 * 1024;

/** Splits a list, in order, into what fits into one message each. No item of ours comes near a portion's size. */
export function portions<T>(items: readonly T[]): T[][] {
  const all: T[][] = [];
  let portion: T[] = [];
  let bytes = 0;
  for (const item of items) {
    const size = Buffer.byteLength(JSON.stringify(item)) + 1;
    if (portion.length > 0 && (portion.length >= PORTION || bytes + size > PORTION_BYTES)) {
      all.push(portion);
      portion = [];
      bytes = 0;
    }
    portion.push(item);
    bytes += size;
  }
  if (portion.length > 0) all.push(portion);
  return all;
}

/** For a list of which the beginning is enough. */
export function firstPortion<T>(items: readonly T[]): T[] {
  return portions(items)[0] ?? [];
}
