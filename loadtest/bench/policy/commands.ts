import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Region } from '../../../src/policy/model.ts';
import { printPolicy } from '../../../src/policy/print.ts';
import { largePolicy } from '../../../src/policy/testing/large.ts';
import type { Figure } from './figure.ts';

const BIN = fileURLToPath(new URL('../../../src/cli/watershed.mjs', import.meta.url));

/** Seconds that `watershed policy …` takes, start-up included, once for each round. */
function seconds(rounds: number, expected: number, command: (dir: string) => readonly string[]): number[] {
  const dir = mkdtempSync(join(tmpdir(), 'watershed-bench-'));
  try {
    const policy = largePolicy(200, 1000, 40);
    const opened = [...policy.regions].map(([name, r]): [string, Region] => [name, { ...r, admits: 'any' }]);
    writeFileSync(join(dir, 'old.yaml'), printPolicy(policy));
    writeFileSync(join(dir, 'new.yaml'), printPolicy({ ...policy, version: 2, regions: new Map(opened) }));
    const once = () => {
      const start = performance.now();
      const args = [BIN, 'policy', ...command(dir)];
      const { status, stderr } = spawnSync(process.execPath, args, { timeout: 60_000, maxBuffer: 2 ** 28 });
      if (status !== expected) throw new Error(`exit ${status}: ${stderr.toString().slice(0, 1000)}`);
      return (performance.now() - start) / 1000;
    };
    once();
    return Array.from({ length: rounds }, once);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

export function commandFigures(): Figure[] {
  return [
    {
      name: 'policy check, 200 regions × 1000 datacenters × 40 secondaries, with start-up',
      unit: 's',
      target: { atMost: 5 },
      measure: (rounds) => seconds(rounds, 0, (dir) => ['check', join(dir, 'old.yaml')]),
    },
    {
      name: 'policy diff of two such, with start-up',
      unit: 's',
      target: { atMost: 10 },
      measure: (rounds) =>
        seconds(rounds, 3, (dir) => ['diff', join(dir, 'old.yaml'), join(dir, 'new.yaml')]),
    },
  ];
}
