// Starts policy-worker.ts in a worker thread: a thread has no loader for TypeScript until it takes one.
import { tsImport } from 'tsx/esm/api';

await tsImport('./policy-worker.ts', import.meta.url);
