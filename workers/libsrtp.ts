import { copyFileSync, cpSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fetchDebianSource } from './apt-source.ts';
import { ToolFailed } from './run.ts';

/** libsrtp's source, ready to be built with OpenSSL. */
export interface LibsrtpSource {
  readonly dir: string;
  /** Upstream's version. */
  readonly version: string;
}

/** Why the worker was linked with the system's libsrtp instead. */
export interface LibsrtpMissing {
  readonly reason: string;
}

/** The releases whose list of files is known. */
const KNOWN = /^2\.5\.\d+/;

/** The library's files as its own build lists them for OpenSSL. */
export const libsrtpSources: readonly string[] = [
  'srtp/srtp.c',
  'crypto/cipher/aes_gcm_ossl.c',
  'crypto/cipher/aes_icm_ossl.c',
  'crypto/cipher/cipher.c',
  'crypto/cipher/cipher_test_cases.c',
  'crypto/cipher/null_cipher.c',
  'crypto/hash/auth.c',
  'crypto/hash/auth_test_cases.c',
  'crypto/hash/hmac_ossl.c',
  'crypto/hash/null_auth.c',
  'crypto/kernel/alloc.c',
  'crypto/kernel/crypto_kernel.c',
  'crypto/kernel/err.c',
  'crypto/kernel/key.c',
  'crypto/math/datatypes.c',
  'crypto/replay/rdb.c',
  'crypto/replay/rdbx.c',
];

/** What our patch adds: AES-GCM by IPsec-MB. */
export const ipsecMbSource = 'crypto/cipher/aes_gcm_ipsec_mb.c';

/** The headers that a program includes as `srtp2/…`. */
const publicHeaders = [
  'include/srtp.h',
  'crypto/include/auth.h',
  'crypto/include/cipher.h',
  'crypto/include/crypto_types.h',
];

/**
 * Fetches the source of Debian's libsrtp2, since Debian's own build of it encrypts through NSS.
 * @param version of the installed libsrtp2-dev, the one to ask for first
 */
export async function fetchLibsrtp(
  version: string | undefined,
  dir: string,
  signal?: AbortSignal,
): Promise<LibsrtpSource | LibsrtpMissing> {
  if (version === undefined) return { reason: 'libsrtp2-dev is not installed from a Debian package' };
  const upstream = version.replace(/^\d+:/, '').replace(/-[^-]*$/, '');
  if (!KNOWN.test(upstream)) return { reason: `libsrtp ${upstream} is not one that this build knows` };
  try {
    const source = await fetchDebianSource({ name: 'libsrtp2', version, dir, signal });
    const lacking = [...libsrtpSources, ...publicHeaders].find((file) => !existsSync(join(source, file)));
    if (lacking !== undefined) return { reason: `libsrtp's source has no ${lacking}` };
    return { dir: source, version: upstream };
  } catch (error) {
    signal?.throwIfAborted();
    // apt's first complaint is the cause, what follows are its consequences.
    const said = error instanceof ToolFailed ? /^[EW]: .*/m.exec(error.output)?.[0] : undefined;
    return { reason: said ?? (error instanceof Error ? error.message : String(error)) };
  }
}

/** Lays the library's sources into the build's folder. */
export function stageLibsrtp(source: LibsrtpSource, dir: string): void {
  for (const part of ['srtp', 'crypto', 'include']) {
    cpSync(join(source.dir, part), join(dir, part), { recursive: true });
  }
}

/** Lays its headers where a program includes them as `srtp2/…`, once they are patched. */
export function layPublicHeaders(dir: string): void {
  const headers = join(dir, 'public/srtp2');
  mkdirSync(headers, { recursive: true });
  for (const header of publicHeaders) {
    copyFileSync(join(dir, header), join(headers, header.slice(header.lastIndexOf('/') + 1)));
  }
}
