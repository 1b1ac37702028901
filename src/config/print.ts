import { stringify } from 'yaml';
import type { NodeConfig } from './schema.ts';

/**
 * The effective configuration as YAML, for people. It names files of keys, and holds none of their contents;
 * credentials in a URL are replaced.
 */
export function printConfig(config: NodeConfig): string {
  return stringify(withoutSecrets(config), { lineWidth: 110 });
}

function withoutSecrets(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(/(:\/\/)[^/@\s]+@/g, '$1***@');
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withoutSecrets(inner)]));
}
