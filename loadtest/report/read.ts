import { readFileSync } from 'node:fs';
import { TargetError } from '../target/target.ts';
import { type RunResult, resultSchema } from './result.ts';

/** A result from its file. Throws TargetError for what is none. */
export function readResult(file: string): RunResult {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'it is no JSON';
    throw new TargetError(`${file}: cannot be read (${code})`);
  }
  const parsed = resultSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new TargetError(
    `${file}: not the result of a load test: ${issue?.path.join('.')}: ${issue?.message}`,
  );
}
