/** Figures of the policy engine: medians of several rounds, on this machine. Run: `node --import tsx src/policy/testing/bench.ts` */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { decide } from '../admission.ts';
import { allowed } from '../allowed.ts';
import { compilePolicy } from '../compile.ts';
import { COUNTRIES } from '../countries.ts';
import { labelFor } from '../label.ts';
import type { Datacenter, Label, Policy, Region, Route } from '../model.ts';
import { parsePolicy } from '../parse.ts';
import { printPolicy } from '../print.ts';

const ROUNDS = 5;

/** A cloud of the size the figures are stated for; one that holds. */
export function largePolicy(regions: number, datacenters: number, secondaries: number): Policy {
  const countries = [...COUNTRIES];
  const names = Array.from({ length: regions }, (_, i) => `region-${i}`);
  const sites = Array.from({ length: datacenters }, (_, i) => `dc-${i}`);
  const regionOf = (i: number) => names[i % regions] ?? '';
  return {
    version: 1,
    cloud: 'bench',
    regions: new Map(
      names.map((name, i): [string, Region] => {
        // Every tenth region is closed to others; all others list everyone, which is the slowest to check.
        const admits = i % 10 === 9 ? [name] : names;
        return [
          name,
          { name, countries: countries[i] === undefined ? [] : [countries[i]], admits, confined: false },
        ];
      }),
    ),
    datacenters: new Map(
      sites.map((name, i): [string, Datacenter] => [
        name,
        {
          name,
          region: regionOf(i),
          url: `wss://${name}.example.net`,
          weight: 1,
          key: `key-${i}`,
          media: [],
        },
      ]),
    ),
    routes: new Map(
      names.map((region, i): [string, Route] => {
        const own = sites.filter((_, d) => regionOf(d) === region).slice(0, 5);
        const open = sites.filter((_, d) => d % regions !== i && (d % regions) % 10 !== 9);
        const start = (i * 37) % (open.length - secondaries);
        return [region, { region, primaries: own, secondaries: open.slice(start, start + secondaries) }];
      }),
    ),
    unknown: null,
    conflict: 'both',
    closed: [],
    expires: null,
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

/** Operations per second: the median of the rounds, after one that warms up. */
function rate(operations: number, work: (n: number) => number): number {
  let sink = work(operations);
  const rates = Array.from({ length: ROUNDS }, () => {
    const start = performance.now();
    sink += work(operations);
    return operations / ((performance.now() - start) / 1000);
  });
  if (Number.isNaN(sink)) throw new Error('unreachable: keeps the work from being optimised away');
  return median(rates);
}

/** Seconds that a command takes, start-up included. */
function seconds(args: readonly string[], expected: number): number {
  const script = `const { policyCommand } = await import(${JSON.stringify(new URL('../../cli/policy.ts', import.meta.url).href)});
    await policyCommand().parseAsync(${JSON.stringify(args)}, { from: 'user' });`;
  return median(
    Array.from({ length: ROUNDS }, () => {
      const start = performance.now();
      const run = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
        timeout: 60_000,
      });
      if (run.status !== expected)
        throw new Error(`exit ${run.status}: ${run.stderr}${run.stdout}`.slice(0, 2000));
      return (performance.now() - start) / 1000;
    }),
  );
}

function main(): void {
  const say = (what: string, value: string) => process.stdout.write(`${what.padEnd(64)} ${value}\n`);
  process.stdout.write(
    `${cpus()[0]?.model ?? 'unknown processor'}, node ${process.version}, median of ${ROUNDS}\n`,
  );
  const policy = largePolicy(200, 1000, 40);
  const p = compilePolicy(policy);
  const pairs = Array.from({ length: 4096 }, (_, i): [string, string] => [
    p.regionNames[(i * 7919) % 200] ?? '',
    p.datacenterNames[(i * 104_729) % 1000] ?? '',
  ]);
  const perAllowed = rate(20_000_000, (n) => {
    let yes = 0;
    for (let i = 0; i < n; i++) {
      const [c, d] = pairs[i & 4095] ?? ['', ''];
      if (allowed(p, c, d)) yes++;
    }
    return yes;
  });
  say('allowed, 200 regions × 1000 datacenters', `${(perAllowed / 1e6).toFixed(1)} million/s`);
  const sessions = p.regionNames.slice(0, 128).map((home): { label: Label; here: string } => {
    const label = labelFor(p, { claim: home, evidence: { kind: 'country', country: 'US' }, narrowing: null });
    if (!label.ok) throw new Error(label.message);
    return { label: label.label, here: p.policy.routes.get(home)?.primaries[0] ?? '' };
  });
  const live = () => true;
  const moment = { jti: '0196f2a4-7b1c-7000-8000-0123456789ab', now: 0 };
  const perAdmit = rate(5_000_000, (n) => {
    let admitted = 0;
    for (let i = 0; i < n; i++) {
      const session = sessions[i & 127];
      if (session !== undefined && decide(p, session.label, session.here, live, moment).kind === 'admit')
        admitted++;
    }
    return admitted;
  });
  say('admission decision, admitted', `${(perAdmit / 1e6).toFixed(2)} million/s`);
  const perRedirect = rate(100_000, (n) => {
    let redirected = 0;
    for (let i = 0; i < n; i++) {
      const session = sessions[i & 127];
      if (session !== undefined && decide(p, session.label, 'dc-999', live, moment).kind === 'redirect')
        redirected++;
    }
    return redirected;
  });
  say('admission decision, redirected among 40 secondaries', `${(perRedirect / 1e3).toFixed(0)} thousand/s`);
  const zoom = parsePolicy(
    readFileSync(new URL('../../../config/policies/zoom-2020.yaml', import.meta.url), 'utf8'),
    'zoom',
  );
  if (!zoom.ok) throw new Error('zoom-2020 is not a policy');
  const z = compilePolicy(zoom.policy);
  const us: Label = { home: 'us', evidence: ['us'], regions: null };
  const perZoom = rate(500_000, (n) => {
    let redirected = 0;
    for (let i = 0; i < n; i++) if (decide(z, us, 'sha', live, moment).kind === 'redirect') redirected++;
    return redirected;
  });
  say('admission decision, redirected, zoom-2020', `${(perZoom / 1e6).toFixed(2)} million/s`);
  const dir = mkdtempSync(join(tmpdir(), 'watershed-bench-'));
  try {
    const [before, after] = [join(dir, 'old.yaml'), join(dir, 'new.yaml')];
    writeFileSync(before, printPolicy(policy));
    const opened = new Map(
      [...policy.regions].map(([name, r]): [string, Region] => [name, { ...r, admits: 'any' }]),
    );
    writeFileSync(after, printPolicy({ ...policy, version: 2, regions: opened }));
    say('check of 200 × 1000 × 40, start-up included', `${seconds(['check', before], 0).toFixed(2)} s`);
    say('diff of two such, start-up included', `${seconds(['diff', before, after], 3).toFixed(2)} s`);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

if (process.argv[1] !== undefined && import.meta.url.endsWith(process.argv[1].replace(/^.*\/src\//, '/src/')))
  main();
