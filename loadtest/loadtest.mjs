// `npm run loadtest`. The sources are TypeScript: tsx compiles them as they are imported.
import { register } from 'tsx/esm/api';

register();
const { main } = await import('./main.ts');
await main(process.argv);
