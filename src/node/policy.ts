import { readFile } from 'node:fs/promises';
import type { NodeConfig } from '../config/schema.ts';
import { type CompiledPolicy, compilePolicy } from '../policy/compile.ts';
import { parsePolicyBytes } from '../policy/parse.ts';
import { check } from '../policy/prove.ts';

/**
 * The policy that the configuration names, proved (T1) and compiled. Throws with every fault or violation, each at
 * its `FILE:LINE:COL`: a node never runs a policy that `watershed policy check` refuses.
 */
export async function loadNodePolicy(config: NodeConfig): Promise<CompiledPolicy> {
  const { file } = config.policy;
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new Error(`policy.file: ${file} cannot be read`, { cause });
  });
  const parsed = parsePolicyBytes(bytes, file);
  if (!parsed.ok) throw new Error(refusal('is not a policy', parsed.faults));
  const proof = check(parsed);
  if (!proof.holds) throw new Error(refusal('fails its check', proof.violations));
  return compilePolicy(parsed.policy);
}

interface Fault {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

function refusal(what: string, faults: readonly Fault[]): string {
  const lines = faults.map(({ file, line, column, message }) => `  ${file}:${line}:${column} ${message}`);
  return `the policy ${what}, so this node admits nobody and does not start\n${lines.join('\n')}`;
}
