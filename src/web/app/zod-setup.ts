import { config } from 'zod';

// zod compiles object schemas with `new Function` where it may. The page's content security policy forbids that,
// and would report each try. This module has to be the first import: schemas look at it when they are made.
config({ jitless: true });
