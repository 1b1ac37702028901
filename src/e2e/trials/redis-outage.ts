import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { createParticipant, type Participant } from '../../../loadtest/participant/participant.ts';
import { startRedisServer } from '../../registry/testing/redis-server.ts';
import { waitFor } from '../../testing/wait.ts';
import { GapWatch, heard } from '../harness/hearing.ts';
import { ClusterHome, httpOf, isAlive } from '../harness/local-cluster.ts';
import { chartProbes, Kubelet } from './kubelet.ts';

export interface OutageOptions {
  /** For how long there is no Redis. */
  readonly seconds: number;
  readonly say: (line: string) => void;
}

export interface OutageResult {
  /** Restarts that a kubelet would have made, and probes for life that failed. */
  readonly restarts: number;
  readonly failedLiveness: number;
  /** Node processes that are not those that began. */
  readonly lostProcesses: number;
  /** Participants who lost their session, or whose media stopped for more than 2 s. */
  readonly lostSessions: number;
  readonly longestGapMs: number;
  /** Nodes that did not say that they lack the registry. */
  readonly silent: number;
  /** From the return of Redis to the last node's `/readyz`; then to the last pod that the kubelet takes for ready. */
  readonly readyMs: number;
  readonly podsReadyMs: number;
}

/** One more than a media gap that people hear, in ms. */
export const GAP_MS = 2000;

/**
 * LiveKit's issue 4663: Redis is away for minutes, a health check fails, pods are restarted and calls are lost. Here
 * a cluster of real processes loses its Redis while two people of two datacenters talk, and is asked by something
 * that behaves as a kubelet with the chart's probes. Redis comes back empty.
 */
export async function redisOutage({ seconds, say }: OutageOptions): Promise<OutageResult> {
  const home = new ClusterHome();
  const ends: (() => unknown)[] = [() => home.remove()];
  try {
    const cluster = await home.up([], (seconds + 240) * 1000);
    ends.push(async () => {
      cluster.running.child.kill('SIGTERM');
      await cluster.running.ended;
    });
    const talk = await Promise.all(
      [
        ['us', 'sjc'],
        ['eu', 'fra'],
      ].map(async ([region = '', at = '']) => {
        const token = await cluster.token({ room: 'long', region });
        const participant = createParticipant({
          token,
          frontDoors: [cluster.node(at).url],
          publish: ['microphone'],
        });
        ends.push(() => participant.leave());
        const joined = await participant.join();
        if (!joined.ok) throw new Error(`no call to begin with: ${joined.problem.code}`);
        return participant;
      }),
    );
    await waitFor('both to hear each other', async () =>
      (await Promise.all(talk.map(heard))).every((counts) => [...counts.values()].some((n) => n > 50)),
    );
    const watched = talk.map(
      (one) =>
        new Watched(
          one,
          talk.filter((other) => other !== one),
        ),
    );
    const kubelets = cluster.nodes.map((node) => new Kubelet(httpOf(node), chartProbes()));
    ends.push(() => {
      for (const kubelet of kubelets) kubelet.stop();
    });
    const unready = async (): Promise<number> => {
      const answers = await Promise.all(cluster.nodes.map((node) => fetch(`${httpOf(node)}/readyz`)));
      return answers.filter(({ ok }) => !ok).length;
    };
    say(`${cluster.nodes.length} nodes, a call between sjc and fra; Redis stops`);
    await stopRedis(cluster.redis);
    const stopped = performance.now();
    let silent = cluster.nodes.length;
    while (performance.now() - stopped < seconds * 1000) {
      silent = Math.min(silent, cluster.nodes.length - (await unready()));
      await sleep(1000);
    }
    const readyPods = (): number => kubelets.filter(({ ready }) => ready).length;
    say(`${seconds} s later: ${cluster.nodes.length - silent} nodes said why they are not ready`);
    say(`the kubelet took ${readyPods()} pods for ready`);
    const redis = await startRedisServer({ port: Number(new URL(cluster.redis).port) });
    ends.push(() => redis.end());
    const returned = performance.now();
    await waitFor('every node to be ready', async () => (await unready()) === 0, 60_000, 100);
    const readyMs = performance.now() - returned;
    await waitFor('the kubelet to know', () => kubelets.every(({ ready }) => ready), 60_000, 100);
    const podsReadyMs = performance.now() - returned;
    const gaps = await Promise.all(watched.map(({ gap }) => gap.longest()));
    const result: OutageResult = {
      restarts: kubelets.reduce((sum, { restarts }) => sum + restarts, 0),
      failedLiveness: kubelets.reduce((sum, { failedLiveness }) => sum + failedLiveness, 0),
      lostProcesses: cluster.nodes.filter(({ pid }) => !isAlive(pid)).length,
      lostSessions: watched.filter(({ lost }, n) => lost || (gaps[n] ?? 0) > GAP_MS).length,
      longestGapMs: Math.round(Math.max(...gaps)),
      silent,
      readyMs: Math.round(readyMs),
      podsReadyMs: Math.round(podsReadyMs),
    };
    say(
      `Redis is back, empty: nodes ready after ${result.readyMs} ms, pods after ${result.podsReadyMs} ms;` +
        ` ${result.restarts} restarts, ${result.lostSessions} sessions lost, longest gap ${result.longestGapMs} ms`,
    );
    return result;
  } finally {
    for (const end of ends.reverse()) await end();
  }
}

/** It goes at once and keeps nothing, as a machine that is gone. */
async function stopRedis(url: string): Promise<void> {
  const redis = new Redis(url, { maxRetriesPerRequest: 0, retryStrategy: () => null });
  redis.on('error', () => undefined);
  // The connection ends with the server, and no answer comes.
  await redis.shutdown('NOSAVE').catch(() => undefined);
  redis.disconnect();
}

/** A participant, and whether it ever noticed anything. */
class Watched {
  lost = false;
  readonly gap: GapWatch;

  constructor(participant: Participant, others: readonly Participant[]) {
    this.gap = new GapWatch(participant, others);
    participant.client.on('status', (status) => {
      if (status !== 'joined') this.lost = true;
    });
  }
}
