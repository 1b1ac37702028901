/** The first eight digits of a digest, without the name of its algorithm: enough to compare two by eye. */
export function shortDigest(digest: string): string {
  return digest.replace(/^[a-z0-9]+[:-]/, '').slice(0, 8);
}
