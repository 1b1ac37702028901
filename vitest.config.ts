import { defineConfig } from 'vitest/config';

export default defineConfig({
  // Nothing is served, but vite looks its host up, and a bare machine may not know `localhost`.
  server: { host: '127.0.0.1' },
  test: {
    include: ['src/**/*.test.ts', 'workers/**/*.test.ts', 'loadtest/**/*.test.ts', 'deploy/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
