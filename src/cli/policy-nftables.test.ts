import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runNftables } from './policy-nftables.ts';

let dir = '';
let policy = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'watershed-nftables-'));
  policy = join(dir, 'policy.yaml');
  const zoom = readFileSync(new URL('../../config/policies/zoom-2020.yaml', import.meta.url), 'utf8');
  const media: Record<string, string> = {
    sjc: '[203.0.113.0/25, "2001:db8:1::/48"]',
    fra: '[198.51.100.0/24, 198.51.100.0/25]',
    sha: '[192.0.2.0/24]',
  };
  const text = Object.entries(media).reduce(
    (all, [name, prefixes]) => all.replace(`  ${name}: { `, `  ${name}: { media: ${prefixes}, `),
    zoom,
  );
  writeFileSync(policy, text);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const DEFAULTS = { mediaPorts: '20000-20015', linkPort: '4434', pipePorts: '40000-49999', json: false };

function run(options: Partial<Parameters<typeof runNftables>[2]>, file = policy) {
  const result = { code: -1, out: '', err: '' };
  const io = {
    out: (text: string) => {
      result.out += text;
    },
    err: (text: string) => {
      result.err += text;
    },
    color: { out: false, err: false },
    exit: (code: number) => {
      result.code = code;
    },
    abort: (code: number): never => {
      throw new Error(`ended with ${code}`);
    },
  };
  runNftables(io, file, { datacenter: 'fra', ...DEFAULTS, ...options });
  return result;
}

it('opens the ports for nodes to the media prefixes of the policy alone', () => {
  const { code, out, err } = run({});
  expect(code).toBe(0);
  expect(out).toMatch(
    /set nodes4 \{[^}]*203\.0\.113\.0\/25, # sjc\n[^}]*198\.51\.100\.0\/24, # fra\n[^}]*192\.0\.2\.0\/24, # sha/,
  );
  expect(out).toMatch(/set nodes6 \{[^}]*2001:db8:1::\/48, # sjc/);
  const rules = out.split('\n').map((line) => line.trim());
  for (const port of ['tcp dport 4434', 'udp dport 40000-49999']) {
    const about = rules.filter((rule) => rule.includes(port)).map((rule) => rule.replace(/ comment .*/, ''));
    // Whoever is in neither set falls through to the drop.
    expect(about).toEqual([
      `ip saddr @nodes4 ${port} accept`,
      `ip6 saddr @nodes6 ${port} accept`,
      `${port} drop`,
    ]);
  }
  expect(rules).toContain('tcp dport 443 accept comment "signaling: clients"');
  expect(rules).toContain('udp dport 20000-20015 accept comment "media: clients"');
  expect(rules).toContain('tcp dport 20000-20015 accept comment "media over TCP: clients"');
  // Those without prefixes are named, in the ruleset and to whoever makes it.
  expect(out).toContain('their nodes do not reach these: iad, ams, hkg, tsn');
  expect(err).toMatch(/policy\.yaml:10:3: warning: iad has no media prefixes/);
});

it('takes the ports that the nodes have', () => {
  const { out } = run({
    signalingPort: '8443',
    mediaPorts: '30000',
    linkPort: '5000',
    pipePorts: '6000-6009',
  });
  expect(out).toContain('tcp dport 8443 accept');
  expect(out).toContain('udp dport 30000 accept');
  expect(out).toContain('tcp dport 5000 drop');
  expect(out).toContain('udp dport 6000-6009 drop');
});

it.each([
  [{ datacenter: 'nope' }, 'the policy defines no datacenter "nope"'],
  [{ linkPort: '0' }, 'link: "0" is no port'],
  [{ mediaPorts: '20-10' }, 'media: "20-10" is no port'],
  [{ pipePorts: '1; flush ruleset' }, 'pipes: "1; flush ruleset" is no port'],
  [{ signalingPort: '65536' }, 'signaling: "65536" is no port'],
])('exit 2: %j', (options, message) => {
  const { code, out } = run(options);
  expect([code, out]).toEqual([2, expect.stringContaining(message)]);
  const json = run({ ...options, json: true });
  expect(JSON.parse(json.out)).toMatchObject({ exit: 2, faults: [expect.stringContaining(message)] });
});

const nft = spawnSync('nft', ['--version']).status === 0;
it.skipIf(!nft)('is what nft accepts, with and without prefixes', () => {
  for (const file of [policy, new URL('../../config/policies/government.yaml', import.meta.url).pathname]) {
    const datacenter = file === policy ? 'fra' : 'gov-iad';
    const ruleset = join(dir, 'rules.nft');
    writeFileSync(ruleset, run({ datacenter }, file).out);
    const { status, stderr } = spawnSync('nft', ['-c', '-f', ruleset], { encoding: 'utf8', timeout: 20_000 });
    // Without the right to ask the kernel only the syntax can be judged, and that was: it says so first.
    if (!/Operation not permitted/.test(stderr)) expect([status, stderr]).toEqual([0, '']);
  }
});
