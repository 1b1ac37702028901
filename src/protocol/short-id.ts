/** The beginning of an id: long enough to tell apart in a log, too short to use. Never more than half of the id. */
export function shortId(id: string, most: number): string {
  return id.slice(0, Math.min(most, id.length >> 1));
}
