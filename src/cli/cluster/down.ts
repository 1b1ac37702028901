import { setTimeout as sleep } from 'node:timers/promises';
import { isRunning } from '../../tokens/process-id.ts';
import { runningClusters } from './running.ts';

/** Longer than a cluster may take to end, in ms. */
const PATIENCE_MS = 6000;

/** `watershed cluster down`: exit code 0 once they are gone, 1 when there is none or one does not end. */
export async function runClusterDown(): Promise<void> {
  const clusters = runningClusters();
  if (clusters.length === 0) {
    process.stderr.write('no local cluster of this user runs\n');
    process.exitCode = 1;
    return;
  }
  for (const { pid } of clusters) process.kill(pid, 'SIGTERM');
  const deadline = performance.now() + PATIENCE_MS;
  for (const cluster of clusters) {
    while (isRunning(cluster) && performance.now() < deadline) await sleep(50);
    if (isRunning(cluster)) {
      process.stderr.write(`process ${cluster.pid} has not ended yet\n`);
      process.exitCode = 1;
    } else process.stdout.write(`the cluster of process ${cluster.pid} has ended\n`);
  }
}
