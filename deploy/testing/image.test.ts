import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { z } from 'zod';

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
const packages = z.array(z.object({ package: z.string() }));
const requirements = z.object({ commands: packages, sourceCommands: packages, headers: packages });

it('the image installs what the worker is built with, and runs as nobody in particular', () => {
  const [build = '', run = ''] = read('../image/Dockerfile').split(/^FROM .*slim$/m);
  const { commands, sourceCommands, headers } = requirements.parse(
    JSON.parse(read('../../workers/requirements.json')),
  );
  const installed = build.split(/\s+/);
  for (const needed of [...commands, ...sourceCommands, ...headers])
    expect(installed).toContain(needed.package);
  expect(run).toMatch(/^USER (?!0\b)\d+:\d+$/m);
});

it('the unit gives a node longer to stop than it takes to drain', () => {
  const [, stop = ''] = /^TimeoutStopSec=(\d+)$/m.exec(read('../systemd/watershed.service')) ?? [];
  const [, drain = ''] = /^drain:\n(?:.*\n)*? {2}seconds: (\d+)$/m.exec(read('../../config/node.yaml')) ?? [];
  expect(Number(stop)).toBeGreaterThan(Number(drain) + 7);
});
