import { Command } from 'commander';
import { ConfigError } from '../src/config/fault.ts';
import { KeyError } from '../src/tokens/keys.ts';
import type { PlanFlags } from './plan/command.ts';
import { TargetError } from './target/target.ts';

interface RunFlags {
  readonly scenario?: string;
  readonly target?: string;
  readonly json?: string;
  readonly html?: string;
  readonly policy?: string;
  readonly key?: string;
  readonly issuer?: string;
  readonly cloud?: string;
  readonly agents?: string;
  readonly seconds?: string;
}

/** Exit codes beside those of a run: arguments, scenario or target cannot be used. */
const UNUSABLE = 2;

/** `npm run loadtest`: plays a scenario; `compare` and `plan` read what earlier runs wrote. */
export async function main(argv: readonly string[]): Promise<void> {
  const program = new Command('loadtest')
    .description('Plays a scenario with synthetic participants, and reports what the cluster held.')
    // Help is no error; an option that is not known is arguments that cannot be used.
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : UNUSABLE))
    .option('--scenario <file>', 'what is to be played (loadtest/scenarios/*.yaml)')
    .option(
      '--target <url>',
      'a node or cluster that runs already; without it, the run starts its own cluster',
    )
    .option('--json <file>', 'write the result as JSON (loadtest/report/result.schema.json)')
    .option('--html <file>', 'write the report as one HTML file')
    .option('--policy <file>', 'with --target: the policy there, so that what it forbids is known')
    .option('--key <file>', 'with --target: private key that signs join tokens (Ed25519; PEM or JWK)')
    .option('--issuer <name>', 'issuer that the nodes list the key under')
    .option('--cloud <name>', 'cloud that the tokens are for')
    .option('--agents <n>', 'processes that hold participants (default: as many as there is use for)')
    .option('--seconds <n>', 'cut the longest phase, so that the run takes so long (a soak of an hour)')
    .showSuggestionAfterError()
    .action(async (flags: RunFlags) => {
      const { runCommand } = await import('./run/command.ts');
      process.exitCode = await explained(() => runCommand(flags));
    });
  program
    .command('compare')
    .description('two results side by side')
    .argument('<a>', 'JSON of a run')
    .argument('<b>', 'JSON of another')
    .action(async (a: string, b: string) => {
      const { compare } = await import('./report/compare.ts');
      const { readResult } = await import('./report/read.ts');
      process.exitCode = await explained(async () => {
        const results = [readResult(a), readResult(b)] as const;
        process.stdout.write(compare(...results));
        return results.some(({ isolation }) => isolation.admitted > 0) ? 1 : 0;
      });
    });
  program
    .command('plan')
    .description('how many nodes of what size in which datacenters a load needs, by measured figures')
    .option('--participants <n>', 'at once')
    .option('--shape <shape>', 'meeting:N, webinar:N or audio:N:SPEAKERS, with @KBIT for cameras')
    .option('--policy <file>', 'where they may be served (default: config/policies/zoom-2020.yaml)')
    .option('--mix <a=2,b=1>', 'home regions and their weights (default: all alike)')
    .option('--measured <file...>', 'results of runs to plan by (default: those that come along)')
    .option('--cores <n>', 'cores of one node (default: 8)')
    .option('--use <share>', 'share of the cores that may be used at worst (default: 0.6)')
    .option('--stay <minutes>', 'how long people stay (default: 30)')
    .option('--across <share>', 'share of the rooms that span two datacenters (default: 0)')
    .option('--check <file>', 'compare what is planned with what a run measured, and do nothing else')
    .action(async (flags: PlanFlags) => {
      const { planCommand } = await import('./plan/command.ts');
      process.exitCode = await explained(async () => planCommand(flags));
    });
  await program.parseAsync(argv);
}

/** What people can cure is told in a line or a few, without a stack. */
async function explained(action: () => Promise<number>): Promise<number> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof ConfigError || error instanceof TargetError || error instanceof KeyError) {
      process.stderr.write(`${error.message}\n`);
      return UNUSABLE;
    }
    throw error;
  }
}
