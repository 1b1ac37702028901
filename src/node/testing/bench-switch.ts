/**
 * How long a bundle switch pauses the event loop of a node with 1000 sessions: the longest gap between two ticks of
 * a 1 ms timer, while a bundle is proved in its thread, taken over, and every session's label judged again. Run:
 * `node --import tsx src/node/testing/bench-switch.ts`
 */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { allowedForLabel } from '../../policy/allowed.ts';
import { printBundle, publicKeyText, signBundle, type TrustedSigner } from '../../policy/bundle.ts';
import type { Label } from '../../policy/model.ts';
import { parsePolicy } from '../../policy/parse.ts';
import { printPolicy } from '../../policy/print.ts';
import { largePolicy } from '../../policy/testing/bench.ts';
import { PolicyKeeper } from '../policy-keeper.ts';

const ROUNDS = 5;
const SESSIONS = 1000;

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

/** Longest time between two ticks while `work` runs, in ms. */
async function longestPause(work: () => Promise<unknown>): Promise<number> {
  let last = performance.now();
  let longest = 0;
  const tick = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  };
  const timer = setInterval(tick, 1);
  await work();
  tick();
  clearInterval(timer);
  return longest;
}

async function measure(what: string, cloud: string, text: (version: number) => string): Promise<void> {
  const keys = ['ana', 'ben'].map((name) => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const root: TrustedSigner = { name, key: publicKeyText(publicKey), over: ['constitution', 'document'] };
    return { root, pem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
  });
  const directory = await mkdtemp(join(tmpdir(), 'watershed-switch-'));
  let labels: Label[] = [];
  const keeper = await PolicyKeeper.start({
    cloud,
    signers: keys.map((k) => k.root),
    directory,
    file: null,
    now: () => 0,
    onEvent: (event) => {
      if (event.kind === 'refused') throw new Error(event.message);
    },
  });
  keeper.onSwitch((p) => {
    labels = Array.from({ length: SESSIONS }, (_, i): Label => {
      const home = p.regionNames[i % p.regionNames.length] ?? '';
      return { home, evidence: [home], regions: null };
    });
    // Ten producers each, and the member's own seat.
    for (const label of labels)
      for (let i = 0; i < 11; i++) allowedForLabel(p, label, p.datacenterNames[i] ?? '');
  });
  const pauses: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    let bundle: Parameters<typeof signBundle>[0] = { version: round + 1, policy: text(round + 1) };
    for (const { pem } of keys) bundle = signBundle(bundle, pem, ['constitution', 'document']);
    const bytes = new TextEncoder().encode(
      printBundle({ signatures: [], ...bundle, format: 'watershed-bundle-1' }),
    );
    const pause = await longestPause(() => keeper.offer(bytes, 'file'));
    if (round > 0) pauses.push(pause);
  }
  await keeper.close();
  await rm(directory, { recursive: true, force: true });
  process.stdout.write(
    `${what.padEnd(52)} ${median(pauses).toFixed(1)} ms (longest ${Math.max(...pauses).toFixed(1)})\n`,
  );
}

process.stdout.write(
  `${cpus()[0]?.model ?? 'unknown processor'}, node ${process.version}, median of ${ROUNDS}\n`,
);
const zoom = await readFile(new URL('../../../config/policies/zoom-2020.yaml', import.meta.url), 'utf8');
if (!parsePolicy(zoom, 'zoom').ok) throw new Error('zoom-2020 is not a policy');
await measure('pause of a switch, zoom-2020, 1000 sessions', 'commercial', (v) =>
  zoom.replace('version: 12', `version: ${v}`),
);
await measure('pause of a switch, 200 × 1000 × 40, 1000 sessions', 'bench', (v) =>
  printPolicy({ ...largePolicy(200, 1000, 40), version: v }),
);
