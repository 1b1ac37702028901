// A process that plays people from within a host's network. The sources are TypeScript: tsx compiles them.
import { register } from 'tsx/esm/api';

register();
const { runCaller } = await import('./caller.ts');
runCaller();
