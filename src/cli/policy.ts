import { Command, type CommanderError, Option } from 'commander';
import { runKeygen, runSign, runVerify, type SignOptions, type VerifyOptions } from './policy-bundle.ts';
import { runCheck } from './policy-check.ts';
import { runDiff } from './policy-diff.ts';
import { runExplain } from './policy-explain.ts';
import { runGraph } from './policy-graph.ts';
import { EXIT, type Io, printJson, processIo } from './policy-io.ts';
import { type NftablesOptions, runNftables } from './policy-nftables.ts';
import { runReplay } from './policy-replay.ts';
import { runMeet, runSimulate } from './policy-simulate.ts';

/**
 * `watershed policy …`. Exit codes: 0 holds (allowed, no new reach), 1 a violation (not allowed), 2 not a policy,
 * an unknown name or a wrong call, 3 wider. With `--json`, stdout has one document and nothing else.
 */
export function policyCommand(io: Io = processIo, argv: readonly string[] = process.argv): Command {
  const policy = new Command('policy').description(
    'ask the policy a question, and get the line that answers it',
  );
  // A wrong call must not look like an answer: commander's own code would be 1.
  policy.exitOverride((error: CommanderError) => {
    if (error.exitCode === 0) return io.abort(EXIT.ok);
    const { message } = error;
    if (argv.includes('--json')) printJson(io, { exit: EXIT.notPolicy, status: 'wrong-call', message });
    return io.abort(EXIT.notPolicy);
  });
  policy.configureOutput({ writeOut: io.out, writeErr: io.err });

  policy
    .command('check')
    .description('prove that no schedule of failures leads a client outside its fences (exit 0, 1 or 2)')
    .argument('<file...>', 'policies; of several clouds it is proved too that they share nothing')
    .option('--json', 'one JSON document on stdout', false)
    .action((files: string[], options: { json: boolean }) => runCheck(io, files, options, Date.now()));

  policy
    .command('diff')
    .description('what NEW lets processed where that OLD does not (exit 0 no new reach, 3 wider, 1 or 2)')
    .argument('<old>', 'the policy that runs')
    .argument('<new>', 'the draft')
    .option('--json', 'one JSON document on stdout', false)
    .addOption(new Option('--markdown', 'for a comment on a pull request').default(false).conflicts('json'))
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

  policy
    .command('simulate')
    .description('a client with datacenters down: what it tries, in order (exit 0 served, 1 refused, or 2)')
    .argument('<file>', 'the policy')
    .requiredOption('--client <region>', 'client region')
    .option('--down <names>', 'datacenters that are down, with commas', names, [])
    .option('--jti <id>', 'id of the token, which the draw of two secondaries depends on', 'example')
    .option('--all', 'every outcome, over all further failures and draws', false)
    .option('--json', 'one JSON document on stdout', false)
    .action(
      (file: string, options: { client: string; down: string[]; jti: string; all: boolean; json: boolean }) =>
        runSimulate(io, file, options),
    );

  policy
    .command('meet')
    .description('where a room of clients of these regions can sit, or why nowhere (exit 0, 1 or 2)')
    .argument('<file>', 'the policy')
    .argument('<region...>', 'client regions')
    .option('--json', 'one JSON document on stdout', false)
    .action((file: string, regions: string[], options: { json: boolean }) =>
      runMeet(io, file, [...new Set(regions.flatMap((r) => names(r)))], options),
    );

  policy
    .command('graph')
    .description('an SVG of regions, fences, datacenters and routes; forbidden entries in red')
    .argument('<file>', 'the policy')
    .option('--out <file>', 'where to write it; stdout by default')
    .option('--json', 'one JSON document on stdout, with the SVG in it', false)
    .action((file: string, options: { out?: string; json: boolean }) => runGraph(io, file, options));

  policy
    .command('nftables')
    .description(
      'a firewall for the nodes of a datacenter: node ports are open to the media prefixes alone (exit 0 or 2)',
    )
    .argument('<file>', 'the policy')
    .requiredOption('--datacenter <name>', 'where the nodes stand')
    .option('--signaling-port <port>', 'http.port; that of the datacenter’s url by default')
    .option('--media-ports <range>', 'media.basePort, and one more for each further worker', '20000-20015')
    .option('--link-port <port>', 'cluster.link.port', '4434')
    .option('--pipe-ports <range>', 'cluster.pipes.portMin-portMax', '40000-49999')
    .option('--json', 'one JSON document on stdout', false)
    .action((file: string, options: NftablesOptions) => runNftables(io, file, options));

  policy
    .command('replay')
    .description(
      'recorded decisions through a draft: which flip (exit 0, 2, or 3 if any flips towards admission)',
    )
    .argument('<file>', 'the draft')
    .argument('<records>', 'JSON lines: decision records, or a log that has them')
    .option('--json', 'one JSON document on stdout', false)
    .action((file: string, records: string, options: { json: boolean }) =>
      runReplay(io, file, records, options),
    );

  policy
    .command('keygen')
    .description('make a signer: the private key to a new file, the public key to stdout')
    .argument('<file>', 'where the private key goes; never overwritten')
    .option('--json', 'one JSON document on stdout', false)
    .action((file: string, options: { json: boolean }) => runKeygen(io, file, options));

  policy
    .command('sign')
    .description('sign a policy, or add a signature to a bundle (exit 0, 1 fails check, 2)')
    .argument('<file>', 'a policy, or a bundle that others have signed')
    .requiredOption('--key <file>', 'private key of the signer')
    .addOption(
      new Option('--over <part>', 'what to answer for')
        .choices(['constitution', 'document', 'both'])
        .default('both'),
    )
    .option('--out <file>', 'where the bundle goes; stdout by default')
    .option('--json', 'with --out: one JSON document on stdout', false)
    .action((file: string, options: SignOptions) => runSign(io, file, options));

  policy
    .command('verify')
    .description('judge a bundle as a node would (exit 0 good, 1 refused, 2 unreadable)')
    .argument('<bundle>', 'the bundle')
    .requiredOption('--signer <key...>', 'trusted signers, [NAME=]ed25519:…')
    .option('--cloud <name>', 'the cloud it has to be of')
    .option('--above <version>', 'the highest version that ran')
    .option('--json', 'one JSON document on stdout', false)
    .action((file: string, options: VerifyOptions) => runVerify(io, file, options, Date.now()));

  return policy;
}

/** `a,b` as names. */
function names(text: string): string[] {
  return text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}
