import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type Trust, verifyNodeCertificate } from '../identity/certificate.ts';
import type { NodeIdentity } from '../identity/identity.ts';
import { signedSealer } from '../identity/sealer.ts';
import { testIdentity } from '../identity/testing/enrolled.ts';
import { createLinks } from '../links/links.ts';
import type { Links, LinksOptions } from '../links/types.ts';
import { MemoryRegistry, MemoryStore } from '../registry/memory.ts';
import type { NodeRecord } from '../registry/port.ts';
import { startCloud, type TestCloud } from './harness/cloud.ts';

/**
 * A node of the government cloud and a real node of the commercial one, each dialling the other. Even where one key
 * has signed for datacenters of both clouds, the cloud that the certificate names is the other.
 */
const store = new MemoryStore();
const registry = new MemoryRegistry(store);
const IAD = { id: 'iad-1', datacenter: 'iad' };
const quiet = { info: () => {}, warn: () => {}, error: () => {} };

let cloud: TestCloud;
let trust: Trust;
/** Of a node of this cloud. */
let ours: NodeIdentity;
let theirs: NodeIdentity;
/** The true node of sjc, as it says itself. */
let sjc: NodeRecord;
const running: Links[] = [];

beforeAll(async () => {
  cloud = await startCloud({ datacenters: ['sjc'], registry: async () => new MemoryRegistry(store) });
  const { datacenters } = cloud.policy.policy;
  trust = {
    cloud: cloud.policy.policy.cloud,
    enrolmentKey: (site) => datacenters.get(site)?.key ?? null,
    now: Date.now,
  };
  ours = testIdentity({ cloud: trust.cloud, ...IAD }, cloud.enrolment('iad'));
  theirs = testIdentity({ cloud: 'government', ...IAD }, cloud.enrolment('iad'));
  const [entry] = await registry.nodes(['sjc']);
  const opened = entry && signedSealer(ours, trust).open(entry);
  if (!opened?.ok) throw new Error('sjc has no record');
  sjc = opened.record;
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((links) => links.close()));
});
afterAll(() => cloud.close());

async function linksOf(identity: NodeIdentity, verify: LinksOptions['trust']['verify']): Promise<Links> {
  const links = await createLinks({
    certificate: identity.certificatePem,
    key: identity.privateKeyPem,
    trust: { verify },
    host: '127.0.0.1',
    port: 0,
    log: quiet,
  });
  running.push(links);
  return links;
}

const government = () => linksOf(theirs, () => ({ ok: true, id: sjc.id, datacenter: sjc.datacenter }));
const commercial = () => linksOf(ours, (der) => verifyNodeCertificate(der, trust));

const target = ({ id, datacenter, link }: NodeRecord) => ({ id, datacenter, link: link ?? '' });

it('dials no node of this cloud, which says why', async () => {
  await expect((await government()).connect(target(sjc))).rejects.toMatchObject({
    code: 'link_refused',
    message: expect.stringContaining('403'),
  });
  expect(cloud.at('sjc').log()).toContain('"reason":"certificate_of_another_cloud"');
  // A certificate of this cloud, by the same key, is taken there.
  expect((await (await commercial()).connect(target(sjc))).open).toBe(true);
});

it('is not dialled by a node of this cloud, and its record is not believed', async () => {
  const { address } = await government();
  await expect((await commercial()).connect({ ...IAD, link: address })).rejects.toMatchObject({
    code: 'link_refused',
    message: expect.stringContaining('certificate_of_another_cloud'),
  });
  const record = {
    ...sjc,
    ...IAD,
    link: address,
    url: cloud.policy.policy.datacenters.get('iad')?.url ?? '',
  };
  const body = signedSealer(theirs, { ...trust, cloud: 'government' }).seal(record);
  await registry.announce({ ...IAD, load: 0, body }, 60_000);
  const answer = await fetch(`${cloud.at('sjc').url}/v1/directory`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await cloud.token('other', 'us')}` },
  });
  expect(await answer.text()).not.toContain('"iad"');
  expect(cloud.at('sjc').log()).toContain('"rejected":"iad/iad-1","reason":"certificate_of_another_cloud"');
});
