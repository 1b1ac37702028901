import { readFile } from 'node:fs/promises';
import { loadNodeConfig } from '../../config/load.ts';
import { runNode } from '../../main.ts';
import { type CompiledPolicy, compilePolicy } from '../../policy/compile.ts';
import { parsePolicyBytes } from '../../policy/parse.ts';
import { loadSigningKey } from '../../tokens/keys.ts';
import { type ProcessPort, processPort, runUntilSignalled } from '../node-process.ts';
import { orderSchema, type Ready } from './messages.ts';

/** From the parent's word to the process's end, in ms: the whole cluster has 4 s. */
const CLOSE_WITHIN_MS = 2500;

/**
 * Runs the node of a configuration file. It ends by a signal as any node does, at the parent's word, and when
 * the parent is gone, however that came about: then the channel closes.
 */
async function runChild([configFile = '', keyFile = '', directoryFile]: readonly string[]): Promise<void> {
  const config = loadNodeConfig({ file: configFile, env: {} });
  const parts = {
    developmentKey: await loadSigningKey(keyFile),
    ...(directoryFile !== undefined && { layersOff: { directory: await unproved(directoryFile) } }),
  };
  const port: ProcessPort = {
    ...processPort,
    onSignal(listener) {
      processPort.onSignal(listener);
      // As Ctrl-C does: the other nodes end as well, so there is nobody to hand peers over to.
      process.once('disconnect', () => listener('SIGINT'));
      process.on('message', (message) => {
        if (orderSchema.safeParse(message).success) listener('SIGINT');
      });
    },
    out: () => process.send?.({ kind: 'ready' } satisfies Ready),
  };
  await runUntilSignalled(config, (given) => runNode(given, parts), port, CLOSE_WITHIN_MS);
}

/** A policy whose check nobody asks for. */
async function unproved(file: string): Promise<CompiledPolicy> {
  const parsed = parsePolicyBytes(await readFile(file), file);
  if (!parsed.ok) throw new Error(`${file}: not a policy`);
  return compilePolicy(parsed.policy);
}

await runChild(process.argv.slice(2));
