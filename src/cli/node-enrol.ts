import { createPublicKey, type KeyObject, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { issueNodeCertificate, type NodeName } from '../identity/certificate.ts';
import { ed25519PrivateKey } from '../identity/x509.ts';
import { publicKeyText } from '../policy/bundle.ts';
import type { Policy } from '../policy/model.ts';
import { nameSchema } from '../protocol/token.ts';
import { generateKeyPair } from '../tokens/key-pair.ts';
import { EXIT, type Io, loadOrReport, printJson, processIo } from './policy-io.ts';

/** A year: certificates are renewed by enrolling again. */
const DEFAULT_DAYS = 365;

export interface EnrolOptions {
  readonly policy: string;
  readonly datacenter: string;
  readonly enrolmentKey: string;
  readonly out: string;
  readonly id?: string;
  readonly days: number;
  readonly json: boolean;
}

/** `watershed node enrol`: a node's key, and a certificate of it by its datacenter's enrolment key. */
export function enrolCommand(): Command {
  return new Command('enrol')
    .description("make a node's key and certificate, signed by its datacenter's enrolment key")
    .requiredOption('--policy <file>', 'the policy that names the enrolment key')
    .requiredOption('--datacenter <name>', 'where the node stands')
    .requiredOption(
      '--enrolment-key <file>',
      'private half of its enrolment key, as `watershed policy keygen` writes it',
    )
    .requiredOption('--out <dir>', 'directory for node.key and node.crt')
    .option('--id <id>', 'name of the node among all of its cloud (default: DATACENTER-RANDOM)', nodeId)
    .option('--days <n>', 'days until the certificate ends', wholeDays, DEFAULT_DAYS)
    .option('--json', 'print one JSON document', false)
    .action((options: EnrolOptions) => runEnrol(processIo, options, Date.now()));
}

/**
 * Writes `node.key` (0600) and `node.crt`; neither is ever overwritten. Exit 0 done, 1 the key is not the one that
 * the policy has for the datacenter, 2 a file, the policy or the datacenter's name cannot be used.
 */
export function runEnrol(io: Io, options: EnrolOptions, now: number): void {
  const loaded = loadOrReport(io, options.policy, options.json);
  if (loaded === null) return;
  try {
    const { node, files } = enrol(loaded.policy, options, now);
    if (options.json) printJson(io, { exit: EXIT.ok, ...node, ...files });
    else io.out(`${node.id} of ${node.datacenter}, ${node.cloud}: ${files.key}, ${files.certificate}\n`);
    io.exit(EXIT.ok);
  } catch (error) {
    if (!(error instanceof NotEnrolled)) throw error;
    if (options.json) printJson(io, { exit: error.exit, message: error.message });
    io.err(`${error.message}\n`);
    io.exit(error.exit);
  }
}

class NotEnrolled extends Error {
  readonly exit: number;

  constructor(exit: number, message: string) {
    super(message);
    this.exit = exit;
  }
}

interface Files {
  readonly key: string;
  readonly certificate: string;
}

function enrol(policy: Policy, options: EnrolOptions, now: number): { node: NodeName; files: Files } {
  const datacenter = policy.datacenters.get(options.datacenter);
  if (datacenter === undefined) {
    const known = [...policy.datacenters.keys()].join(', ');
    throw new NotEnrolled(
      EXIT.notPolicy,
      `the policy has no datacenter "${options.datacenter}"; it has: ${known}`,
    );
  }
  const enrolmentKey = readKey(options.enrolmentKey);
  const key = publicKeyText(createPublicKey(enrolmentKey));
  if (datacenter.key !== key) {
    const wanted = datacenter.key ?? 'none, so no node can be enrolled there: add its "key"';
    const message = `the policy's key for ${datacenter.name} is ${wanted}; ${options.enrolmentKey} is ${key}`;
    throw new NotEnrolled(EXIT.violation, message);
  }
  const node = { cloud: policy.cloud, datacenter: datacenter.name, id: options.id ?? newId(datacenter.name) };
  const files = { key: join(options.out, 'node.key'), certificate: join(options.out, 'node.crt') };
  const { publicKey, privateKey } = generateKeyPair();
  const certificate = issueNodeCertificate({ node, publicKey, enrolmentKey, days: options.days, now });
  writePair(files, privateKey, certificate);
  return { node, files };
}

function newId(datacenter: string): string {
  const name = datacenter.toLowerCase().replaceAll(/[^a-z0-9-]/g, '-');
  return `${name.slice(0, 54)}-${randomBytes(4).toString('hex')}`;
}

/** Writes both, or leaves neither behind. */
function writePair(files: Files, privateKey: KeyObject, certificate: string): void {
  const written: string[] = [];
  const write = (file: string, text: string, mode: number) => {
    writeFileSync(file, text, { mode, flag: 'wx' });
    written.push(file);
  };
  try {
    mkdirSync(dirname(files.key), { recursive: true, mode: 0o700 });
    write(files.key, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), 0o600);
    write(files.certificate, certificate, 0o644);
  } catch (error) {
    for (const file of written) rmSync(file, { force: true });
    throw new NotEnrolled(
      EXIT.notPolicy,
      `cannot be written: ${error instanceof Error ? error.message : 'unknown'}`,
    );
  }
}

function readKey(file: string): KeyObject {
  try {
    return ed25519PrivateKey(readFileSync(file, 'utf8'));
  } catch {
    throw new NotEnrolled(EXIT.notPolicy, `${file}: no private key (Ed25519, PEM) can be read there`);
  }
}

function nodeId(text: string): string {
  const parsed = nameSchema.safeParse(text);
  if (!parsed.success) throw new InvalidArgumentError('lower-case letters, digits and hyphens.');
  return parsed.data;
}

function wholeDays(text: string): number {
  const days = Number(text);
  if (!/^\d+$/.test(text) || days < 1 || days > 3650) {
    throw new InvalidArgumentError('a whole number of days, from 1 to 3650.');
  }
  return days;
}
