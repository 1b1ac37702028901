import { expect } from 'vitest';
import type { RouterWatch } from '../../media/testing/router-watch.ts';
import { waitFor } from '../../testing/wait.ts';

/** Waits until routers say that media came in by so many of these producers; people may hear it a little sooner. */
export async function seesMedia(
  watch: RouterWatch,
  producers: () => ReturnType<RouterWatch['producers']>,
  least = 1,
): Promise<void> {
  await waitFor('media in routers', async () => {
    await watch.sample();
    return producers().filter(({ packets }) => packets > 40).length >= least;
  });
}

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
  // They are seen where they are: the watch would see them here.
  await seesMedia(watch, () => outside.flatMap((address) => watch.producersOf(address)));
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
