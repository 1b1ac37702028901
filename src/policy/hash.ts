/**
 * MurmurHash3's 32-bit mixing over UTF-16 code units, one a round. Stable over releases: the draw of secondaries
 * depends on it. Not for secrets, and not against someone who chooses the text.
 */
export function hash32(text: string, seed: number): number {
  let h = seed;
  for (let i = 0; i < text.length; i++) {
    let k = Math.imul(text.charCodeAt(i), 0xcc9e2d51);
    k = (k << 15) | (k >>> 17);
    h ^= Math.imul(k, 0x1b873593);
    h = (h << 13) | (h >>> 19);
    h = (Math.imul(h, 5) + 0xe6546b64) | 0;
  }
  return mix32(h ^ text.length);
}

/** MurmurHash3's finaliser: every bit of the input moves every bit of the output. Unsigned. */
export function mix32(value: number): number {
  let h = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Seeds of the two halves of a hash of 64 bits. */
export const SEEDS = [0x9747b28c, 0x85ebca6b] as const;
