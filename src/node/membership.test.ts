import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseNodeConfig, thisMachine } from '../config/load.ts';
import { testEnrolment, testIdentity } from '../identity/testing/enrolled.ts';
import { compilePolicy } from '../policy/compile.ts';
import { parsePolicy } from '../policy/parse.ts';
import { configuredIdentity, joinCloud, nextEpoch } from './membership.ts';
import { fixedPolicy } from './policies.ts';

const hkg = testEnrolment();
const sha = testEnrolment();
let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'membership-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function policy(cloud = 'commercial') {
  const parsed = parsePolicy(
    `
version: 1
cloud: ${cloud}
regions: { hk: { countries: [HK], admits: any }, cn: { countries: [CN], admits: [cn] } }
datacenters:
  hkg: { region: hk, url: "wss://hkg.example.net", key: "${hkg.key}" }
  sha: { region: cn, url: "wss://sha.example.net", key: "${sha.key}" }
routes: { hk: { primaries: [hkg], secondaries: [] }, cn: { primaries: [sha], secondaries: [] } }
unknown: refuse
`,
    'policy.yaml',
  );
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  return fixedPolicy(compilePolicy(parsed.policy));
}

function config(yaml = '', id: string | null = null) {
  const text = `
mode: development
node: { datacenter: hkg, id: ${id} }
policy: { file: policy.yaml }
tokens: { development: true }
${yaml}`;
  return parseNodeConfig(text, { file: join(dir, 'node.yaml'), env: {}, machine: thisMachine() });
}

const identity = (datacenter: string, enrolment: typeof hkg, cloud = 'commercial') =>
  testIdentity({ cloud, datacenter, id: `${datacenter}-1` }, enrolment);

describe('a node joins its cloud', () => {
  it('as whom its certificate says, when the configuration agrees and the policy confirms it', async () => {
    const { certificatePem, privateKeyPem } = identity('hkg', hkg);
    writeFileSync(join(dir, 'node.crt'), certificatePem);
    writeFileSync(join(dir, 'node.key'), privateKeyPem);
    const written = config('cluster: { certificate: node.crt, key: node.key }', 'hkg-1');
    const member = await joinCloud(written, policy(), await configuredIdentity(written));
    expect(member.identity).toMatchObject({ id: 'hkg-1', datacenter: 'hkg' });
    expect(member.problem()).toBeNull();
  });

  it("not with another datacenter's certificate, another cloud's, or another node's", async () => {
    await expect(joinCloud(config(), policy(), identity('sha', sha))).rejects.toThrow(
      'it is for the datacenter sha, and this node is at hkg',
    );
    await expect(joinCloud(config(), policy('government'), identity('hkg', hkg))).rejects.toThrow(
      'it is for the cloud commercial, and this node is of government',
    );
    await expect(joinCloud(config('', 'hkg-2'), policy(), identity('hkg', hkg))).rejects.toThrow(
      'it is for the node hkg-1, and this node is hkg-2',
    );
  });

  it("not ready with a certificate of hkg by sha's key: the policy does not confirm it", async () => {
    const member = await joinCloud(config(), policy(), identity('hkg', sha));
    expect(member.problem()).toBe('the policy does not confirm this node: certificate_not_by_enrolment_key');
  });

  it('alone, where it has no certificate', async () => {
    const member = await joinCloud(config(), policy(), await configuredIdentity(config()));
    expect(member).toMatchObject({ identity: null });
    expect(member.problem()).toBeNull();
  });
});

describe('the epoch', () => {
  it('grows with every start, also when the clock was set back or the directory was lost', async () => {
    const state = join(dir, 'state');
    expect(await nextEpoch(state, 1000)).toBe(1000);
    expect(await nextEpoch(state, 2000)).toBe(2000);
    expect(await nextEpoch(state, 500)).toBe(2001);
    expect(await nextEpoch(state, 500)).toBe(2002);
    rmSync(state, { recursive: true });
    expect(await nextEpoch(state, 3000)).toBe(3000);
    expect(await nextEpoch(null, 7)).toBe(7);
  });

  it('is the clock again where the file holds nonsense', async () => {
    writeFileSync(join(dir, 'node-epoch'), 'nonsense');
    expect(await nextEpoch(dir, 1000)).toBe(1000);
  });
});
