import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { verifyNodeCertificate } from '../identity/certificate.ts';
import { loadIdentity } from '../identity/identity.ts';
import { testEnrolment, testTrust } from '../identity/testing/enrolled.ts';
import { type EnrolOptions, runEnrol } from './node-enrol.ts';
import { run } from './testing/run.ts';

const sjc = testEnrolment();
const sha = testEnrolment();
let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'enrol-'));
  writeFileSync(
    join(dir, 'policy.yaml'),
    `version: 1
cloud: commercial
regions:
  us: { countries: [US], admits: any }
  cn: { countries: [CN], admits: [cn] }
datacenters:
  sjc: { region: us, url: "wss://sjc.example.net", key: "${sjc.key}" }
  sha: { region: cn, url: "wss://sha.example.net", key: "${sha.key}" }
  tsn: { region: cn, url: "wss://tsn.example.net" }
routes:
  us: { primaries: [sjc], secondaries: [] }
  cn: { primaries: [sha, tsn], secondaries: [] }
unknown: refuse
`,
  );
  for (const [name, { privateKey }] of Object.entries({ sjc, sha })) {
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
    writeFileSync(join(dir, `${name}.key`), pem);
  }
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Runs it and gives what it wrote. */
function enrol(over: Partial<EnrolOptions> = {}): { code: number; out: string; err: string } {
  const seen = { code: -1, out: '', err: '' };
  const io = {
    out: (text: string) => {
      seen.out += text;
    },
    err: (text: string) => {
      seen.err += text;
    },
    color: { out: false, err: false },
    exit: (code: number) => {
      seen.code = code;
    },
    abort: () => {
      throw new Error('aborted');
    },
  };
  const options: EnrolOptions = {
    policy: join(dir, 'policy.yaml'),
    datacenter: 'sjc',
    enrolmentKey: join(dir, 'sjc.key'),
    out: join(dir, 'node'),
    days: 30,
    json: false,
    ...over,
  };
  runEnrol(io, options, Date.now());
  return seen;
}
const files = () => ({ certificate: join(dir, 'node', 'node.crt'), key: join(dir, 'node', 'node.key') });

it('makes an identity that the policy confirms, with a key for this user alone', async () => {
  const { code } = enrol({ id: 'sjc-1' });
  expect(code).toBe(0);
  const identity = await loadIdentity(files());
  expect(identity).toMatchObject({ cloud: 'commercial', datacenter: 'sjc', id: 'sjc-1' });
  const verified = verifyNodeCertificate(identity.certificate, testTrust('commercial', { sjc, sha }));
  expect(verified).toMatchObject({ ok: true, datacenter: 'sjc', id: 'sjc-1' });
  expect(statSync(files().key).mode & 0o777).toBe(0o600);
});

it('gives nodes that nobody names different ids', async () => {
  const ids = ['a', 'b'].map((out) => JSON.parse(enrol({ out: join(dir, out), json: true }).out).id);
  expect(ids[0]).toMatch(/^sjc-[0-9a-f]{8}$/);
  expect(ids[0]).not.toBe(ids[1]);
});

it("refuses another datacenter's key, and one where the policy has none, before anything is written", () => {
  const other = enrol({ enrolmentKey: join(dir, 'sha.key') });
  expect(other).toMatchObject({ code: 1, err: expect.stringContaining(`key for sjc is ${sjc.key}`) });
  const none = enrol({ datacenter: 'tsn' });
  expect(none).toMatchObject({ code: 1, err: expect.stringContaining('key for tsn is none') });
  expect(() => statSync(files().key)).toThrow();
});

it('tells of a datacenter, a key and a policy that cannot be used', () => {
  expect(enrol({ datacenter: 'fra' })).toMatchObject({
    code: 2,
    err: expect.stringContaining('it has: sjc'),
  });
  expect(enrol({ enrolmentKey: join(dir, 'policy.yaml') })).toMatchObject({ code: 2 });
  expect(enrol({ policy: join(dir, 'sjc.key') })).toMatchObject({ code: 2 });
});

it('overwrites nothing, and leaves no half of a pair', () => {
  enrol();
  const before = readFileSync(files().key, 'utf8');
  expect(enrol()).toMatchObject({ code: 2, err: expect.stringContaining('cannot be written') });
  expect(readFileSync(files().key, 'utf8')).toBe(before);
  rmSync(files().key);
  expect(enrol().code).toBe(2);
  expect(() => statSync(files().key)).toThrow();
});

it('is a command of its own beside `watershed node`', async () => {
  const args = ['--policy', join(dir, 'policy.yaml'), '--datacenter', 'sjc', '--out', join(dir, 'node')];
  const done = await run([
    'node',
    'enrol',
    ...args,
    '--enrolment-key',
    join(dir, 'sjc.key'),
    '--id',
    'sjc-7',
  ]);
  expect(done).toMatchObject({ code: 0, stdout: expect.stringContaining('sjc-7 of sjc') });
});
