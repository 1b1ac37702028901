import { parentPort, workerData } from 'node:worker_threads';
import { verifyBundle } from '../policy/bundle.ts';
import { compilePolicy } from '../policy/compile.ts';
import type { Policy } from '../policy/model.ts';
import type { Judgement } from './policy-judge.ts';

/**
 * The policy with equal lists of `admits` made one: what is posted to the node's own thread is copied there, object
 * by object, while the node waits.
 */
function shared(policy: Policy): Policy {
  const lists = new Map<string, readonly string[]>();
  const regions = [...policy.regions].map(([name, region]) => {
    if (region.admits === 'any') return [name, region] as const;
    const key = region.admits.join(' ');
    const admits = lists.get(key) ?? region.admits;
    lists.set(key, admits);
    return [name, { ...region, admits }] as const;
  });
  return { ...policy, regions: new Map(regions) };
}

/** The thread that `judgeInWorker` starts: one bundle, one answer. */
const { bytes, question } = workerData;
const result = verifyBundle(bytes, question);
const judgement: Judgement = result.ok
  ? {
      ok: true,
      compiled: compilePolicy(shared(result.policy)),
      constitution: result.constitution,
      document: result.document,
    }
  : result;
parentPort?.postMessage(judgement);
