import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { ConfigError } from '../config/fault.ts';
import { loadNodeConfig } from '../config/load.ts';
import { printConfig } from '../config/print.ts';
import type { NodeConfig } from '../config/schema.ts';
import { onLauncherGone } from './launcher.ts';
import { enrolCommand } from './node-enrol.ts';
import { type ProcessPort, processPort, runUntilSignalled } from './node-process.ts';

/** The standalone node of `npm start`. */
const DEFAULT_CONFIG = fileURLToPath(new URL('../../config/node.yaml', import.meta.url));

interface NodeOptions {
  readonly config?: string;
  readonly printConfig: boolean;
}

interface DrainOptions {
  readonly whenEmpty: boolean;
  readonly socket?: string;
}

/** `watershed node`: one bridge node in the foreground, until SIGTERM or Ctrl-C. */
export function nodeCommand(): Command {
  const command = new Command('node')
    .description('run one bridge node until SIGTERM or Ctrl-C')
    .option('--config <file>', 'configuration (default: WATERSHED_CONFIG, or config/node.yaml)')
    .option('--print-config', 'print the effective configuration, and do not start', false)
    .addCommand(enrolCommand())
    .action(async (options: NodeOptions) => {
      const config = configOrReport(configFile(options));
      if (config === null) process.exitCode = 2;
      else if (options.printConfig) process.stdout.write(printConfig(config));
      else {
        const { runNode } = await import('../main.ts');
        await runUntilSignalled(config, runNode, foreground);
      }
    });
  command
    .command('drain')
    .description('have the node of a configuration hand its calls over and end; waits until it has')
    .option('--when-empty', 'give calls time to end by themselves first (drain.emptySeconds)', false)
    .option('--socket <file>', "the node's control socket (default: drain.socket of the configuration)")
    .action(async (_options, subcommand: Command) => {
      const options = subcommand.optsWithGlobals<NodeOptions & DrainOptions>();
      const socket = options.socket ?? configOrReport(configFile(options))?.drain.socket;
      if (socket === undefined) process.exitCode = 2;
      else if (socket === null) {
        process.stderr.write('the configuration has no drain.socket: name one, or send the node SIGTERM\n');
        process.exitCode = 2;
      } else {
        const { askToDrain } = await import('./drain-control.ts');
        const say = (text: string) => void process.stdout.write(`${text}\n`);
        process.exitCode = (await askToDrain(socket, options.whenEmpty, say)) ? 0 : 1;
      }
    });
  return command;
}

/** The process as people and supervisors start it. */
const foreground: ProcessPort = {
  ...processPort,
  onSignal(listener) {
    processPort.onSignal(listener);
    onLauncherGone(() => listener('SIGTERM'));
  },
};

function configFile({ config }: NodeOptions): string {
  return config ?? process.env.WATERSHED_CONFIG ?? DEFAULT_CONFIG;
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
