// One node of a local cluster, as a process of its own: see node-child.ts.
import { register } from 'tsx/esm/api';

register();
const { runChild } = await import('./node-child.ts');
await runChild(process.argv.slice(2));
