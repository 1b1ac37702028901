/** Builds of this process under way: esbuild's service is theirs together. */
let running = 0;

/** Builds with esbuild, and ends its service with the last build: it would live as long as this process. */
export async function withEsbuild<T>(build: (esbuild: typeof import('esbuild')) => Promise<T>): Promise<T> {
  // Counted first: what ends meanwhile must not take the service away.
  running++;
  // Imported only when something is to be built: loading it costs more than looking whether that is so.
  const esbuild = await import('esbuild');
  try {
    return await build(esbuild);
  } finally {
    running--;
    if (running === 0) await esbuild.stop();
  }
}
