/** What takes the place of something that no log may hold. */
export const REDACTED = '[redacted]';

/** Keys, in lower case and without separators, whose values are secrets, content or addresses. */
const SECRET_KEYS = new Set([
  // Credentials and key material.
  'token',
  'jointoken',
  'resumetoken',
  'bearer',
  'authorization',
  'cookie',
  'setcookie',
  'secwebsocketprotocol',
  'password',
  'secret',
  'credential',
  'privatekey',
  'jwk',
  'd',
  // What lets somebody into a transport.
  'iceparameters',
  'icecandidates',
  'dtlsparameters',
  'srtpparameters',
  'usernamefragment',
  'fingerprints',
  'fingerprint',
  // Who somebody is, and what they say.
  'address',
  'ip',
  'remoteaddress',
  'remoteip',
  'clientaddress',
  'forwardedfor',
  'xforwardedfor',
  'displayname',
  'name',
  'sub',
  'text',
]);

/** A JWT or a compact JWS, and the subprotocol that brings one. */
const JWS = /\beyJ[\w-]{8,}\.[\w-]+\.[\w-]+/g;
const MAX_DEPTH = 8;

/**
 * A copy of a log record's fields without what no log may hold, at any depth. Errors stay as they are, for
 * their serializer.
 */
export function redactFields(fields: Record<string, unknown>): Record<string, unknown> {
  return redactObject(fields, 0);
}

/** A line of the log without anything that looks like a token, wherever it stood: a message, a stack. */
export function redactLine(line: string): string {
  return line.includes('eyJ') ? line.replace(JWS, REDACTED) : line;
}

function redactObject(fields: object, depth: number): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields)) copy[key] = redact(key, value, depth);
  return copy;
}

function redact(key: string, value: unknown, depth: number): unknown {
  if (value !== null && value !== undefined && isSecret(key)) return REDACTED;
  if (typeof value !== 'object' || value === null || value instanceof Error || value instanceof Date) {
    return value;
  }
  if (depth >= MAX_DEPTH) return '[too deep]';
  if (Array.isArray(value)) return value.map((item) => redact('', item, depth + 1));
  return redactObject(value, depth + 1);
}

/** Keys that were looked at already: the node's own are few and come with every record. */
const KNOWN_KEYS = new Map<string, boolean>();
const MAX_KNOWN_KEYS = 1000;

function isSecret(key: string): boolean {
  const known = KNOWN_KEYS.get(key);
  if (known !== undefined) return known;
  const secret = SECRET_KEYS.has(key.toLowerCase().replace(/[-_]/g, ''));
  if (KNOWN_KEYS.size < MAX_KNOWN_KEYS) KNOWN_KEYS.set(key, secret);
  return secret;
}
