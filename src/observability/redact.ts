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
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, redact(key, value, 0)]));
}

/** A line of the log without anything that looks like a token, wherever it stood: a message, a stack. */
export function redactLine(line: string): string {
  return line.includes('eyJ') ? line.replace(JWS, REDACTED) : line;
}

function redact(key: string, value: unknown, depth: number): unknown {
  if (SECRET_KEYS.has(key.toLowerCase().replace(/[-_]/g, '')) && value !== null && value !== undefined) {
    return REDACTED;
  }
  if (typeof value !== 'object' || value === null || value instanceof Error || value instanceof Date) {
    return value;
  }
  if (depth >= MAX_DEPTH) return '[too deep]';
  if (Array.isArray(value)) return value.map((item) => redact('', item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([inner, item]) => [inner, redact(inner, item, depth + 1)]),
  );
}
