import type { BuildOptions, BuildResult } from 'esbuild';

/** Builds of this process under way: esbuild's service is theirs together. */
let running = 0;

/** Builds with esbuild, and ends its service with the last build: it would live as long as this process. */
export async function buildWithEsbuild<T extends BuildOptions>(options: T): Promise<BuildResult<T>> {
  // Counted first: what ends meanwhile must not take the service away.
  running++;
  // Imported only when something is to be built: loading it costs more than looking whether that is so.
  const esbuild = await import('esbuild');
  try {
    // The compiler holds options with excess keys for another type; there are none.
    return await esbuild.build<T>(options as never);
  } finally {
    running--;
    if (running === 0) await esbuild.stop();
  }
}
