// A process that plays participants. The sources are TypeScript: tsx compiles them as they are imported.
import { register } from 'tsx/esm/api';

register();
const { runAgent } = await import('./agent.ts');
await runAgent();
