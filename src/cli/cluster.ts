import { Command } from 'commander';

interface UpOptions {
  readonly policy?: string;
  readonly json: boolean;
}

/** `watershed cluster`: a whole cluster on this machine. */
export function clusterCommand(): Command {
  const command = new Command('cluster').description('run a whole cluster on this machine');
  command
    .command('up')
    .description('run Redis and one node for each datacenter of a policy, until SIGTERM or Ctrl-C')
    .option('--policy <file>', 'the policy (default: config/policies/zoom-2020.yaml)')
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
  return command;
}
