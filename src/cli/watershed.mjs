#!/usr/bin/env node
// The `watershed` command. The sources are TypeScript: tsx compiles them as they are imported.
import { register } from 'tsx/esm/api';

register();
const { main } = await import('./main.ts');
await main(process.argv);
