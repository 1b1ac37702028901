import { setTimeout as sleep } from 'node:timers/promises';
import { randomFrom } from '../../../loadtest/measure/random.ts';
import { askDirectory, type Knock, knock, walk } from '../../cli/cluster/replay-client.ts';
import { allowed } from '../../policy/allowed.ts';
import type { DirectoryAnswer } from '../../protocol/directory.ts';
import { ClusterHome, type UpCluster } from '../harness/local-cluster.ts';
import { localPolicy } from '../harness/policies.ts';

export interface ScheduleOptions {
  readonly seed: number;
  readonly rounds: number;
  readonly say: (line: string) => void;
}

export interface ScheduleResult {
  /** Knocks at nodes, and those that were let in. */
  readonly knocks: number;
  readonly admitted: number;
  /** What must not be: a datacenter told of or let in that is not allowed, or more than two secondaries. */
  readonly breaches: readonly string[];
}

const REGIONS = ['us', 'eu', 'hk', 'cn'];

/**
 * T2 sampled: a cluster of real processes, some of which freeze and thaw at random moments, as their machines'
 * networks would, while clients of every region ask whichever node answers and walk down what they are told. Nobody
 * waits for leases to end, so that lists name the dead as well. The schedule follows the seed; what the processes
 * make of it depends on their timing, too.
 */
export async function schedules({ seed, rounds, say }: ScheduleOptions): Promise<ScheduleResult> {
  const random = randomFrom(seed);
  const pick = <T>(from: readonly T[]): T | undefined => from[Math.floor(random() * from.length)];
  const policy = localPolicy('policies/zoom-2020.yaml', {});
  const home = new ClusterHome();
  const breaches: string[] = [];
  let knocks = 0;
  let admitted = 0;
  let cluster: UpCluster | undefined;
  const frozen = new Set<number>();
  try {
    cluster = await home.up([], (rounds * 30 + 120) * 1000);
    const { nodes } = cluster;
    const judge = (region: string, list: DirectoryAnswer): void => {
      if (list.secondaries.length > 2)
        breaches.push(`${region} was told of ${list.secondaries.length} secondaries`);
      for (const { datacenter } of [...list.primaries, ...list.secondaries]) {
        if (!allowed(policy, region, datacenter)) breaches.push(`${region} was told of ${datacenter}`);
      }
    };
    const judgeKnock = (region: string, datacenter: string, answer: Knock): void => {
      knocks += 1;
      if (answer.kind === 'redirected') judge(region, answer.list);
      if (answer.kind !== 'admitted') return;
      admitted += 1;
      if (!allowed(policy, region, datacenter)) breaches.push(`${region} was let in at ${datacenter}`);
    };
    for (let round = 0; round < rounds; round += 1) {
      for (const { pid } of nodes) {
        const freezes = random() < 0.4;
        if (freezes === frozen.has(pid)) continue;
        process.kill(pid, freezes ? 'SIGSTOP' : 'SIGCONT');
        if (freezes) frozen.add(pid);
        else frozen.delete(pid);
      }
      await sleep(random() * 6000);
      const awake = nodes.filter(({ pid }) => !frozen.has(pid));
      const down = nodes.filter(({ pid }) => frozen.has(pid)).map(({ datacenter }) => datacenter);
      await Promise.all(
        REGIONS.map(async (region) => {
          const asked = pick(awake);
          const bold = pick(awake);
          if (asked === undefined || bold === undefined || cluster === undefined) return;
          const token = await cluster.token({ room: `round-${round}-${region}`, region });
          const list = await askDirectory(asked.url, token).catch(() => null);
          if (list !== null) {
            judge(region, list);
            for await (const { entry, answer } of walk(list, token))
              judgeKnock(region, entry.datacenter, answer);
          }
          // Whatever it was told: straight to one that answers.
          judgeKnock(region, bold.datacenter, await knock(bold.url, token));
        }),
      );
      say(`round ${round + 1}: down ${down.join(', ') || 'nobody'}; ${knocks} knocks, ${admitted} let in`);
    }
    return { knocks, admitted, breaches };
  } finally {
    for (const pid of frozen) process.kill(pid, 'SIGCONT');
    cluster?.running.child.kill('SIGTERM');
    await cluster?.running.ended;
    home.remove();
  }
}
