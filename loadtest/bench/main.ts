/** The benchmarks, by name: `npm run bench -- NAME [options]`. */
const benchmarks: Readonly<Record<string, () => Promise<(args: readonly string[]) => Promise<void>>>> = {
  directory: async () => (await import('./directory.ts')).runDirectory,
  events: async () => (await import('./events.ts')).runEvents,
  media: async () => (await import('./media.ts')).runMedia,
  pipes: async () => (await import('./pipes.ts')).runPipes,
  policy: async () => (await import('./policy.ts')).runPolicy,
  registry: async () => (await import('./registry.ts')).runRegistry,
  spread: async () => (await import('./spread.ts')).runSpread,
};

const [name = '', ...args] = process.argv.slice(2);
const load = Object.hasOwn(benchmarks, name) ? benchmarks[name] : undefined;
if (load === undefined) {
  console.error(`usage: npm run bench -- ${Object.keys(benchmarks).join('|')} [options]`);
  process.exitCode = 2;
} else {
  try {
    await (await load())(args);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
