import { Command, type CommanderError } from 'commander';
import { runCheck } from './policy-check.ts';
import { runDiff } from './policy-diff.ts';
import { runExplain } from './policy-explain.ts';
import { EXIT, type Io, processIo } from './policy-io.ts';

/**
 * `watershed policy …`. Exit codes: 0 holds (allowed, no new reach), 1 a violation (not allowed), 2 not a policy,
 * an unknown name or a wrong call, 3 wider. With `--json`, stdout has one document and nothing else.
 */
export function policyCommand(io: Io = processIo): Command {
  const policy = new Command('policy').description(
    'ask the policy a question, and get the line that answers it',
  );
  // A wrong call must not look like an answer: commander's own code would be 1.
  policy.exitOverride((error: CommanderError) => io.abort(error.exitCode === 0 ? EXIT.ok : EXIT.notPolicy));
  policy.configureOutput({ writeOut: io.out, writeErr: io.err });

  policy
    .command('check')
    .description('prove that no schedule of failures leads a client outside its fences (exit 0, 1 or 2)')
    .argument('<file...>', 'policies; of several clouds it is proved too that they share nothing')
    .option('--json', 'one JSON document on stdout', false)
    .action((files: string[], options: { json: boolean }) => runCheck(io, files, options));

  policy
    .command('diff')
    .description('what NEW lets processed where that OLD does not (exit 0 no new reach, 3 wider, 1 or 2)')
    .argument('<old>', 'the policy that runs')
    .argument('<new>', 'the draft')
    .option('--json', 'one JSON document on stdout', false)
    .option('--markdown', 'for a comment on a pull request', false)
    .action((old: string, now: string, options: { json: boolean; markdown: boolean }) =>
      runDiff(io, old, now, options),
    );

  policy
    .command('explain')
    .description('whether a datacenter is allowed for clients of a region, and why (exit 0, 1 or 2)')
    .argument('<file>', 'the policy')
    .requiredOption('--client <region>', 'client region')
    .requiredOption('--datacenter <name>', 'datacenter')
    .option('--json', 'one JSON document on stdout', false)
    .action((file: string, options: { client: string; datacenter: string; json: boolean }) =>
      runExplain(io, file, options),
    );

  return policy;
}
