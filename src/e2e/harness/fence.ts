import { expect } from 'vitest';
import type { RouterWatch } from '../../media/testing/router-watch.ts';

/**
 * Nothing of what people at the addresses `outside` sent ever was in a router of this place: all that was there came
 * from those `within`, whether they were there themselves or a pipe brought it. By what the routers say.
 */
export async function expectOutside(
  watch: RouterWatch,
  place: string,
  outside: readonly string[],
  within: readonly string[],
): Promise<void> {
  await watch.sample();
  const theirs = outside.flatMap((address) => watch.producersOf(address));
  // They were seen where they were: the watch would have seen them here.
  expect(theirs.some(({ packets }) => packets > 40)).toBe(true);
  const ids = new Set(within.flatMap((address) => watch.producersOf(address)).map(({ id }) => id));
  const here = watch.producers(place);
  expect(here.filter(({ id }) => !ids.has(id))).toEqual([]);
  const carriers = new Set(here.map(({ on }) => on));
  for (const transport of watch.transports(place)) {
    if (transport.via === 'webrtc') {
      expect([...transport.remotes].filter((address) => !within.includes(address))).toEqual([]);
    } else if (!carriers.has(transport)) expect(transport.rtpBytes).toBe(0);
  }
}
