import { stat } from 'node:fs/promises';
import type { NodeConfig } from '../config/schema.ts';

/**
 * Keys of the configuration whose files hold secrets and can be read by every user of the machine. A file that is not
 * there is not named: whoever needs it says so.
 */
export async function openToAll({ cluster, directory, http, registry }: NodeConfig): Promise<string[]> {
  const secrets: Record<string, string | null | undefined> = {
    'cluster.key': cluster.key,
    'directory.keyFile': directory.keyFile,
    'http.tls.key': http.tls?.key,
    'registry.passwordFile': registry.passwordFile,
    'registry.sentinelPasswordFile': registry.sentinelPasswordFile,
    'registry.tls.key': registry.tls?.key,
  };
  const open = await Promise.all(
    Object.entries(secrets).map(async ([key, file]) => (file && (await isOpen(file)) ? [key] : [])),
  );
  return open.flat();
}

async function isOpen(file: string): Promise<boolean> {
  const found = await stat(file).catch(() => null);
  return found !== null && (found.mode & 0o007) !== 0;
}
