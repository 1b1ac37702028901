import { policyCommand } from '../policy.ts';
import type { Io } from '../policy-io.ts';

class Aborted extends Error {}

/** Runs `watershed policy …` in this process. */
export async function runPolicy(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const result = { code: 0, out: '', err: '' };
  const io: Io = {
    out: (text) => {
      result.out += text;
    },
    err: (text) => {
      result.err += text;
    },
    color: { out: false, err: false },
    exit: (code) => {
      result.code = code;
    },
    abort: (code) => {
      result.code = code;
      throw new Aborted();
    },
  };
  try {
    await policyCommand(io, args).parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof Aborted)) throw error;
  }
  return result;
}
