import { Command, InvalidArgumentError } from 'commander';
import { z } from 'zod';
import { findDevelopmentKeys } from '../tokens/development.ts';
import { issueJoinToken, type TokenIssuer } from '../tokens/issue.ts';
import { KeyError, loadSigningKey } from '../tokens/keys.ts';

/** An hour: long enough for a call, short enough to lose. */
const DEFAULT_TTL_SECONDS = 3600;
/** What a key file's tokens say where no running node tells better. */
const DEFAULT_ISSUER = 'watershed';
const DEFAULT_CLOUD = 'commercial';

interface TokenOptions {
  readonly room: string;
  readonly region: string;
  readonly name?: string;
  readonly host: boolean;
  readonly regions?: readonly string[];
  readonly except?: readonly string[];
  readonly ttl: number;
  readonly key?: string;
  readonly issuer?: string;
  readonly cloud?: string;
}

/** `watershed token`: prints one join token on stdout and nothing else. */
export function tokenCommand(): Command {
  return new Command('token')
    .description('print one join token, signed with the development key of the node or cluster that runs')
    .requiredOption('--room <room>', 'the room it opens')
    .requiredOption('--region <region>', "the participant's home region")
    .option('--name <name>', 'display name')
    .option('--host', 'the participant is a host of the room', false)
    .option('--regions <a,b>', 'only these regions may process the meeting', list)
    .option('--except <a,b>', 'these regions may not process the meeting', list)
    .option('--ttl <seconds>', 'seconds until it expires', wholeSeconds, DEFAULT_TTL_SECONDS)
    .option('--key <file>', 'sign with this private key instead (Ed25519; PEM or JWK)')
    .option('--issuer <name>', 'issuer that the nodes list the key under')
    .option('--cloud <name>', 'cloud that the token is for')
    .action(async (options: TokenOptions) => {
      try {
        process.stdout.write(`${await makeToken(options)}\n`);
      } catch (error) {
        const lines = explain(error);
        if (lines === null) throw error;
        process.stderr.write(lines.map((line) => `${line}\n`).join(''));
        process.exitCode = 1;
      }
    });
}

async function makeToken(options: TokenOptions): Promise<string> {
  const { room, region, name, host, regions, except, ttl } = options;
  const claims = {
    room,
    region,
    role: host ? ('host' as const) : ('participant' as const),
    ...(name !== undefined && { name }),
    ...(regions !== undefined && { regions: [...regions] }),
    ...(except !== undefined && { except: [...except] }),
  };
  return issueJoinToken(await issuerOf(options), claims, { ttlSeconds: ttl });
}

async function issuerOf({ key, issuer, cloud }: TokenOptions): Promise<TokenIssuer> {
  const [running, ...others] = findDevelopmentKeys();
  if (key !== undefined) {
    return {
      key: await loadSigningKey(key, { warn: (message) => process.stderr.write(`${message}\n`) }),
      issuer: issuer ?? running?.issuer ?? DEFAULT_ISSUER,
      cloud: cloud ?? running?.cloud ?? DEFAULT_CLOUD,
    };
  }
  const chosen = [running, ...others].find(
    (candidate) => candidate && (cloud ?? candidate.cloud) === candidate.cloud,
  );
  if (chosen === undefined) {
    const which = cloud === undefined ? '' : ` of cloud ${cloud}`;
    throw new KeyError(
      `no standalone node or local cluster${which} runs with development keys: start one with \`npm start\`, or name a private key with --key FILE`,
    );
  }
  if (others.some(({ key: other }) => other.kid !== chosen.key.kid)) {
    process.stderr.write(`several nodes with development keys run: the token is for ${chosen.url}\n`);
  }
  return { ...chosen, issuer: issuer ?? chosen.issuer };
}

function list(text: string): string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.some((name) => name === ''))
    throw new InvalidArgumentError('write region names with commas between.');
  return names;
}

function wholeSeconds(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > 366 * 86_400) {
    throw new InvalidArgumentError('a whole number of seconds, from 1 to 31622400.');
  }
  return value;
}

/** What to tell the person who called; null for a defect. */
function explain(error: unknown): string[] | null {
  if (error instanceof KeyError) return [error.message];
  if (error instanceof z.ZodError) {
    return error.issues.map(({ path, message }) => `--${path.join('.')}: ${message}`);
  }
  return null;
}
