import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { ConfigError } from '../config/fault.ts';
import { loadNodeConfig } from '../config/load.ts';
import { printConfig } from '../config/print.ts';
import type { NodeConfig } from '../config/schema.ts';
import { runUntilSignalled } from './node-process.ts';

/** The standalone node of `npm start`. */
const DEFAULT_CONFIG = fileURLToPath(new URL('../../config/node.yaml', import.meta.url));

interface NodeOptions {
  readonly config?: string;
  readonly printConfig: boolean;
}

/** `watershed node`: one bridge node in the foreground, until SIGTERM or Ctrl-C. */
export function nodeCommand(): Command {
  return new Command('node')
    .description('run one bridge node until SIGTERM or Ctrl-C')
    .option('--config <file>', 'configuration (default: WATERSHED_CONFIG, or config/node.yaml)')
    .option('--print-config', 'print the effective configuration, and do not start', false)
    .action(async (options: NodeOptions) => {
      const config = configOrReport(options.config ?? process.env.WATERSHED_CONFIG ?? DEFAULT_CONFIG);
      if (config === null) process.exitCode = 2;
      else if (options.printConfig) process.stdout.write(printConfig(config));
      else {
        const { runNode } = await import('../main.ts');
        await runUntilSignalled(config, runNode);
      }
    });
}

/** Null after the faults were printed, one on each line. */
function configOrReport(file: string): NodeConfig | null {
  try {
    return loadNodeConfig({ file });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return null;
  }
}
