import { readFileSync } from 'node:fs';
import { decide } from '../../../src/policy/admission.ts';
import { allowed } from '../../../src/policy/allowed.ts';
import { type CompiledPolicy, compilePolicy } from '../../../src/policy/compile.ts';
import { labelFor } from '../../../src/policy/label.ts';
import type { Label } from '../../../src/policy/model.ts';
import { parsePolicy } from '../../../src/policy/parse.ts';
import { largePolicy } from '../../../src/policy/testing/large.ts';
import { type Figure, rates } from './figure.ts';

const LIVE = () => true;
const MOMENT = { jti: '0196f2a4-7b1c-7000-8000-0123456789ab', now: 0 };
const JTIS = Array.from({ length: 1024 }, (_, i) => `0196f2a4-7b1c-7000-8000-${String(i).padStart(12, '0')}`);

interface Session {
  readonly label: Label;
  readonly here: string;
}

/** Sessions of many regions, whose addresses disagree with their claims. */
function sessionsOf(p: CompiledPolicy): Session[] {
  return p.regionNames.slice(0, 128).map((home) => {
    const labelled = labelFor(p, {
      claim: home,
      evidence: { kind: 'country', country: 'US' },
      narrowing: null,
    });
    if (!labelled.ok) throw new Error(labelled.message);
    return { label: labelled.label, here: p.policy.routes.get(home)?.primaries[0] ?? '' };
  });
}

/** Decides n times, and counts those of the kind. `here` in place of each session's own datacenter. */
function decided(p: CompiledPolicy, sessions: readonly Session[], kind: 'admit' | 'redirect', here?: string) {
  return (n: number): number => {
    let count = 0;
    for (let i = 0; i < n; i++) {
      const session = sessions[i & 127];
      if (session === undefined) continue;
      const moment = kind === 'admit' ? MOMENT : { jti: JTIS[i & 1023] ?? '', now: 0 };
      if (decide(p, session.label, here ?? session.here, LIVE, moment).kind === kind) count++;
    }
    return count;
  };
}

export function decisionFigures(): Figure[] {
  const p = compilePolicy(largePolicy(200, 1000, 40));
  const sessions = sessionsOf(p);
  const pairs = Array.from({ length: 4096 }, (_, i): [string, string] => [
    p.regionNames[(i * 7919) % 200] ?? '',
    p.datacenterNames[(i * 104_729) % 1000] ?? '',
  ]);
  const zoom = parsePolicy(
    readFileSync(new URL('../../../config/policies/zoom-2020.yaml', import.meta.url), 'utf8'),
    'zoom-2020.yaml',
  );
  if (!zoom.ok) throw new Error('zoom-2020.yaml is not a policy');
  const z = compilePolicy(zoom.policy);
  const us: Session = { label: { home: 'us', evidence: ['us'], regions: null }, here: 'sha' };
  const unit = 'million/s';
  return [
    {
      name: 'allowed, 200 regions × 1000 datacenters',
      unit,
      target: { atLeast: 10 },
      measure: (rounds) =>
        rates(rounds, 20_000_000, (n) => {
          let yes = 0;
          for (let i = 0; i < n; i++) {
            const [c, d] = pairs[i & 4095] ?? ['', ''];
            if (allowed(p, c, d)) yes++;
          }
          return yes;
        }),
    },
    {
      name: 'admission, admitted (two regions of evidence)',
      unit,
      target: { atLeast: 1 },
      measure: (rounds) => rates(rounds, 5_000_000, decided(p, sessions, 'admit')),
    },
    {
      name: 'admission, redirected: 5 primaries, two drawn of 40 secondaries',
      unit,
      target: { atLeast: 1 },
      measure: (rounds) => rates(rounds, 500_000, decided(p, sessions, 'redirect', 'dc-999')),
    },
    {
      name: 'admission, redirected, zoom-2020',
      unit,
      target: { atLeast: 1 },
      measure: (rounds) => rates(rounds, 500_000, decided(z, Array(128).fill(us), 'redirect')),
    },
  ];
}
