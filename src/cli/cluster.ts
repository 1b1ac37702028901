import { Argument, Command, InvalidArgumentError } from 'commander';
import { parse } from 'yaml';

interface UpOptions {
  readonly policy?: string;
  readonly json: boolean;
  /** By path. */
  readonly set: Readonly<Record<string, unknown>>;
}

/** `watershed cluster`: a whole cluster on this machine. */
export function clusterCommand(): Command {
  const command = new Command('cluster').description('run a whole cluster on this machine');
  command
    .command('up')
    .description('run Redis and one node for each datacenter of a policy, until SIGTERM or Ctrl-C')
    .option('--policy <file>', 'the policy (default: config/policies/zoom-2020.yaml)')
    .option(
      '--set <path=value>',
      'a setting of its nodes, such as rooms.peersPerRoom=200; repeatable',
      setting,
      {},
    )
    .option('--json', 'print one line of JSON on stdout, once all is ready', false)
    .action(async (options: UpOptions) => {
      const { runClusterUp } = await import('./cluster/up.ts');
      await runClusterUp(options);
    });
  command
    .command('down')
    .description('end every local cluster of this user')
    .action(async () => {
      const { runClusterDown } = await import('./cluster/down.ts');
      await runClusterDown();
    });
  command
    .command('replay')
    .description('tell a story of the past with real nodes')
    .addArgument(new Argument('<story>', 'which one').choices(['february-2020']))
    .action(async () => {
      const { runReplay } = await import('./cluster/replay.ts');
      await runReplay();
    });
  return command;
}

/** One `path=value` more; the value is YAML, as in a configuration. */
function setting(text: string, earlier: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const [path = '', ...value] = text.split('=');
  if (!/^[a-z][A-Za-z]*(\.[a-z][A-Za-z]*)+$/.test(path) || value.length === 0) {
    throw new InvalidArgumentError('write path=value, such as rooms.peersPerRoom=200.');
  }
  return { ...earlier, [path]: parse(value.join('=')) };
}
