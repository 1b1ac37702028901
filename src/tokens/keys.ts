import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { z } from 'zod';
import { TOKEN_ALGORITHM } from '../protocol/token.ts';
import { generateKeyPair } from './key-pair.ts';

/** A public key in the form of RFC 8037, as `GET /v1/keys` gives it. */
export interface PublicJwk {
  readonly kty: 'OKP';
  readonly crv: 'Ed25519';
  readonly x: string;
  readonly kid: string;
  readonly alg: typeof TOKEN_ALGORITHM;
}

/** A key that verifies. `kid` is the JWK thumbprint (RFC 7638), unless its file names another. */
export interface VerificationKey {
  readonly kid: string;
  readonly publicKey: KeyObject;
}

/** A key that signs join tokens or directory lists. */
export interface SigningKey extends VerificationKey {
  readonly privateKey: KeyObject;
  readonly publicJwk: PublicJwk;
}

/** A key file that cannot be used; the message names the file and says what is wrong. */
export class KeyError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'KeyError';
  }
}

/** A new Ed25519 key. */
export function generateSigningKey(): SigningKey {
  return signingKeyOf(generateKeyPair().privateKey);
}

/** The key for signing in a PEM (PKCS #8) or JWK text. Throws KeyError. */
export function parseSigningKey(text: string, origin: string): SigningKey {
  const kid = isJson(text) ? parseJwk(text, origin).kid : undefined;
  let key: KeyObject;
  try {
    key = isJson(text)
      ? createPrivateKey({ key: { ...parseJwk(text, origin) }, format: 'jwk' })
      : createPrivateKey(text);
  } catch (cause) {
    throw new KeyError(`${origin}: no private key in it: a PEM (PKCS #8) or a JWK with "d" is needed`, {
      cause,
    });
  }
  requireEd25519(key, origin);
  return signingKeyOf(key, kid);
}

/**
 * The key for signing in a file (PEM PKCS #8, or JWK). `warn` is told when others than its owner and group may read it.
 * Throws KeyError.
 */
export async function loadSigningKey(
  file: string,
  options: { warn?: (message: string) => void } = {},
): Promise<SigningKey> {
  const text = await read(file);
  const { mode } = await stat(file);
  if ((mode & 0o007) !== 0) {
    options.warn?.(`${file}: others can read this private key: chmod o= ${file}`);
  }
  return parseSigningKey(text, file);
}

/**
 * The keys for verifying in a text: PEM (SPKI), JWK, or a JWK set. Private keys are accepted and reduced to
 * their public half. Throws KeyError.
 */
export function parseVerificationKeys(text: string, origin: string): readonly VerificationKey[] {
  if (!isJson(text)) return [fromPublic(publicKeyOf(text, origin), origin)];
  const set = jwkSetSchema.safeParse(parseJson(text, origin));
  if (!set.success) return [fromJwk(parseJwk(text, origin), origin)];
  if (set.data.keys.length === 0) throw new KeyError(`${origin}: the key set is empty`);
  return set.data.keys.map((key, index) => fromJwk(jwk(key, `${origin}: keys[${index}]`), origin));
}

/** As `parseVerificationKeys`, from a file. Throws KeyError. */
export async function loadVerificationKeys(file: string): Promise<readonly VerificationKey[]> {
  return parseVerificationKeys(await read(file), file);
}

/** PEM (PKCS #8) of the private half. */
export function exportPrivatePem(key: SigningKey): string {
  return key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

const jwkSchema = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: z.string(),
  d: z.string().optional(),
  kid: z.string().min(1).max(128).optional(),
});
const jwkSetSchema = z.object({ keys: z.array(z.unknown()) });

type Jwk = z.infer<typeof jwkSchema>;

function isJson(text: string): boolean {
  return text.trimStart().startsWith('{');
}

function parseJson(text: string, origin: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new KeyError(`${origin}: not JSON`, { cause });
  }
}

function jwk(value: unknown, origin: string): Jwk {
  const parsed = jwkSchema.safeParse(value);
  if (!parsed.success) throw new KeyError(`${origin}: not an Ed25519 JWK (kty OKP, crv Ed25519)`);
  return parsed.data;
}

function parseJwk(text: string, origin: string): Jwk {
  return jwk(parseJson(text, origin), origin);
}

function fromJwk(key: Jwk, origin: string): VerificationKey {
  const { kty, crv, x } = key;
  let publicKey: KeyObject;
  try {
    publicKey = createPublicKey({ key: { kty, crv, x }, format: 'jwk' });
  } catch (cause) {
    throw new KeyError(`${origin}: not an Ed25519 public key`, { cause });
  }
  return fromPublic(publicKey, origin, key.kid);
}

function publicKeyOf(pem: string, origin: string): KeyObject {
  try {
    return createPublicKey(pem);
  } catch (cause) {
    throw new KeyError(`${origin}: no key in it: a PEM, a JWK or a JWK set is needed`, { cause });
  }
}

function fromPublic(publicKey: KeyObject, origin: string, kid?: string): VerificationKey {
  requireEd25519(publicKey, origin);
  return { kid: kid ?? thumbprint(xOf(publicKey)), publicKey };
}

function requireEd25519(key: KeyObject, origin: string): void {
  if (key.asymmetricKeyType !== 'ed25519') {
    throw new KeyError(
      `${origin}: the key is ${key.asymmetricKeyType ?? key.type}, and must be Ed25519: openssl genpkey -algorithm ed25519`,
    );
  }
}

function signingKeyOf(privateKey: KeyObject, named?: string): SigningKey {
  const publicKey = createPublicKey(privateKey);
  const x = xOf(publicKey);
  const kid = named ?? thumbprint(x);
  return {
    kid,
    privateKey,
    publicKey,
    publicJwk: { kty: 'OKP', crv: 'Ed25519', x, kid, alg: TOKEN_ALGORITHM },
  };
}

function xOf(publicKey: KeyObject): string {
  return jwk(publicKey.export({ format: 'jwk' }), 'key').x;
}

/** RFC 7638 (members in lexicographic order), RFC 8037 section 2 for OKP. */
function thumbprint(x: string): string {
  const canonical = JSON.stringify({ crv: 'Ed25519', kty: 'OKP', x });
  return createHash('sha256').update(canonical).digest('base64url');
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new KeyError(`${file}: cannot be read (${errorCode(cause)})`, { cause });
  }
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
