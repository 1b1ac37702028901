import { readFileSync } from 'node:fs';
import { type CompiledPolicy, compilePolicy } from '../../policy/compile.ts';
import { parsePolicy } from '../../policy/parse.ts';

const POLICIES = new URL('../../../config/', import.meta.url);

/**
 * A policy of `config/` with the URLs of some datacenters replaced by local ones, and without its `expires`: a test
 * must not begin to fail with time. Nothing else changes, and it need not pass `check`.
 */
export function localPolicy(name: string, urls: Readonly<Record<string, string>>): CompiledPolicy {
  let text = readFileSync(new URL(name, POLICIES), 'utf8');
  for (const [datacenter, url] of Object.entries(urls)) {
    const entry = new RegExp(`^(  ${datacenter}:.*url: )"[^"]*"`, 'm');
    if (!entry.test(text)) throw new Error(`${name} has no datacenter ${datacenter}`);
    text = text.replace(entry, `$1"${url}"`);
  }
  const parsed = parsePolicy(text.replace(/^expires:.*$/m, ''), name);
  if (!parsed.ok) throw new Error(parsed.faults.map(({ message }) => message).join('\n'));
  return compilePolicy(parsed.policy);
}
