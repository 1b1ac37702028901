import { Command } from 'commander';
import { packageVersion } from '../version.ts';

interface SubCommand {
  readonly name: string;
  readonly description: string;
  /** Imported only when it is called: `watershed token` must not wait for what a node needs. */
  load(): Promise<Command>;
}

const COMMANDS: readonly SubCommand[] = [
  {
    name: 'node',
    description: 'run one bridge node',
    load: async () => (await import('./node.ts')).nodeCommand(),
  },
  {
    name: 'policy',
    description: 'check, compare and question policies',
    load: async () => (await import('./policy.ts')).policyCommand(),
  },
  {
    name: 'token',
    description: 'print a join token',
    load: async () => (await import('./token.ts')).tokenCommand(),
  },
  {
    name: 'cluster',
    description: 'run a whole cluster on this machine',
    load: async () => (await import('./cluster.ts')).clusterCommand(),
  },
];

/** The `watershed` command line; `argv` as the process has it. */
export async function main(argv: readonly string[]): Promise<void> {
  // Whoever pipes into `head` closes early. That is no failure, and changes nothing about what the exit code says.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return;
    // A full disk must not look like an answer: 1 would be one.
    process.stderr.write(`watershed: cannot write: ${error.message}\n`);
    process.exit(2);
  });
  // No answer is on standard error, and no node ends for want of it.
  process.stderr.on('error', () => {});
  const program = new Command('watershed')
    .description('A cluster of media bridges whose regions are isolated from each other.')
    .version(packageVersion(), '-V, --version')
    .showSuggestionAfterError()
    .showHelpAfterError('(--help shows what there is)');
  for (const { name, description, load } of COMMANDS) {
    program.addCommand(argv[2] === name ? await load() : new Command(name).description(description));
  }
  await program.parseAsync(argv);
}
