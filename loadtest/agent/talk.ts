import { randomFrom } from '../measure/random.ts';

/** Average length of one turn, in ms (conversation: ITU-T P.59 has talk spurts of about a second; turns are longer). */
const TURN = 4000;

/**
 * Switches microphones on and off, so that they are on for a share of the time; turns and pauses are exponential.
 * What comes back ends it.
 */
export function speak(tracks: readonly MediaStreamTrack[], share: number, seed: number): () => void {
  if (tracks.length === 0 || share >= 1) return () => undefined;
  const random = randomFrom(seed);
  const pause = share <= 0 ? Number.POSITIVE_INFINITY : (TURN * (1 - share)) / share;
  const length = (mean: number): number => Math.min(600_000, -mean * Math.log(1 - random()));
  let on = random() < share;
  let timer: NodeJS.Timeout | undefined;
  const turn = (): void => {
    for (const track of tracks) track.enabled = on;
    const wait = length(on ? TURN : pause);
    on = !on;
    if (share > 0) timer = setTimeout(turn, wait);
  };
  turn();
  return () => clearTimeout(timer);
}
