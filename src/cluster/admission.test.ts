import fc from 'fast-check';
import { compactVerify, createLocalJWKSet } from 'jose';
import { describe, expect, test } from 'vitest';
import { allowedForLabel } from '../policy/allowed.ts';
import type { DirectoryAnswer } from '../protocol/directory.ts';
import { directoryAnswerSchema, directoryListSchema } from '../protocol/directory.ts';
import { redirectSchema, refusalSchema } from '../protocol/events.ts';
import type { Door } from './testing/door.ts';
import {
  createDoor,
  entryOf,
  FROM,
  nodeOf,
  policyOf,
  withFence,
  withPolicy,
  zoom2020,
} from './testing/door.ts';
import type { AdmissionRequest, AdmittedSession, Verdict } from './types.ts';

const REGION_OF = new Map<string, string>([
  [FROM.us, 'us'],
  [FROM.de, 'eu'],
  [FROM.cn, 'cn'],
  [FROM.hk, 'hk'],
]);
const ALL = ['sjc', 'iad', 'fra', 'ams', 'hkg', 'sha', 'tsn'];

describe('a session of region us at a node of sha', () => {
  test('is redirected to the datacenters of its own list, and told by which rule', async () => {
    const door = await createDoor('sha');
    const verdict = await ask(door, await door.token({ region: 'us' }), FROM.us);
    if (verdict.kind !== 'redirect') throw new Error(verdict.kind);
    expect(redirectSchema.parse(verdict.redirect)).toMatchObject({
      code: 'region_not_admitted',
      status: 403,
      rule: 'admits',
      policy: door.policy?.digest,
      retry: false,
    });
    expect(names(verdict.redirect.list).slice(0, 2)).toEqual(['sjc', 'iad']);
    expect(verdict.redirect.list.secondaries).toHaveLength(2);
  });

  test('with sjc and iad down gets two of fra, ams, hkg, and never sha or tsn: 2000 tokens', async () => {
    const door = await createDoor('sha');
    await door.up(ALL.filter((d) => d !== 'sjc' && d !== 'iad'));
    const seen = new Set<string>();
    for (let i = 0; i < 2000; i++) {
      const token = await door.token({ region: 'us' }, { jti: `session-${i}` });
      const verdict = await ask(door, token, FROM.us);
      if (verdict.kind !== 'redirect') throw new Error(verdict.kind);
      const { primaries, secondaries } = verdict.redirect.list;
      expect(primaries).toEqual([]);
      expect(secondaries).toHaveLength(2);
      for (const { datacenter, url, region } of secondaries) {
        seen.add(datacenter);
        expect(url).toBe(`wss://${datacenter}.example.net`);
        expect(region).not.toBe('cn');
      }
    }
    expect([...seen].sort()).toEqual(['ams', 'fra', 'hkg']);
  }, 60_000);

  test('with all but sha and tsn down is refused, and may try again later', async () => {
    const door = await createDoor('sha');
    await door.up(['sha', 'tsn']);
    const refusal = refusalOf(await ask(door, await door.token({ region: 'us' }), FROM.us));
    expect(refusal).toMatchObject({ code: 'no_datacenter_up', status: 503, retry: true, rule: 'live' });
  });

  test('also under February 2020: the route may say what it likes', async () => {
    const february = zoom2020((text) => text.replace('[fra, ams, hkg] }', '[fra, ams, hkg, sha, tsn] }'));
    expect(february.policy.routes.get('us')?.secondaries).toContain('sha');
    const door = await createDoor('sha', february);
    await door.up(['sha', 'tsn']);
    expect((await ask(door, await door.token({ region: 'us' }), FROM.us)).kind).toBe('refuse');
    await door.up(['sha', 'tsn', 'hkg']);
    const verdict = await ask(door, await door.token({ region: 'us' }), FROM.us);
    expect(verdict.kind === 'redirect' && names(verdict.redirect.list)).toEqual(['hkg']);
  });
});

test('every listed datacenter is allowed: all claims, addresses, narrowings, down-sets, nodes, policies', async () => {
  const february = zoom2020((text) => text.replace('[fra, ams, hkg] }', '[sha, fra, ams, tsn, hkg] }'));
  const policies = [zoom2020(), february, withPolicy(zoom2020(), { closed: ['iad', 'fra'] })];
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...policies),
      fc.constantFrom(...ALL),
      fc.constantFrom('us', 'eu', 'hk', 'cn'),
      fc.constantFrom(FROM.us, FROM.de, FROM.cn, FROM.hk, FROM.jp, FROM.none),
      fc.subarray(ALL),
      fc.option(fc.subarray(['us', 'eu', 'hk', 'cn'], { minLength: 1 }), { nil: undefined }),
      fc.uuid(),
      fc.boolean(),
      async (policy, here, region, from, up, regions, jti, directory) => {
        const door = await createDoor(here, policy);
        await door.up(up);
        const token = await door.token({ region, ...(regions === undefined ? {} : { regions }) }, { jti });
        const listed: string[] = [];
        if (directory) {
          const outcome = await door.admission.directory({ token, address: from, step: 'directory' });
          if (outcome.kind === 'list') listed.push(...names(outcome.answer));
        } else {
          const verdict = await ask(door, token, from);
          if (verdict.kind === 'admit') {
            expect(allowedForLabel(policy, verdict.session.label, here)).toBe(true);
          }
          if (verdict.kind === 'redirect') listed.push(...names(verdict.redirect.list));
        }
        const address = REGION_OF.get(from);
        const label = {
          home: region,
          evidence: address === undefined ? [region] : [region, address],
          regions: regions ?? null,
        };
        for (const datacenter of listed) {
          expect(allowedForLabel(policy, label, datacenter)).toBe(true);
          // Said once more without our own predicate: the fence of the story.
          if (label.evidence.some((r) => r !== 'cn')) expect(['sha', 'tsn']).not.toContain(datacenter);
          expect(up).toContain(datacenter);
          expect(datacenter).not.toBe(directory ? '' : here);
        }
        expect(door.defects).toEqual([]);
        expect(door.decisions).toHaveLength(1);
      },
    ),
    { numRuns: 500 },
  );
}, 60_000);

/** [what, claims, address, here, outcome] under zoom-2020. */
const TABLE: [string, object, string, string, object][] = [
  ['us at sjc', { region: 'us' }, FROM.us, 'sjc', { kind: 'admit' }],
  ['us at a secondary', { region: 'us' }, FROM.us, 'hkg', { kind: 'admit' }],
  ['us at sha', { region: 'us' }, FROM.us, 'sha', { kind: 'redirect', rule: 'admits' }],
  ['cn at sha', { region: 'cn' }, FROM.cn, 'sha', { kind: 'admit' }],
  [
    'cn claim from a us address at sha',
    { region: 'cn' },
    FROM.us,
    'sha',
    { kind: 'redirect', rule: 'admits' },
  ],
  [
    'us claim from a cn address at sha',
    { region: 'us' },
    FROM.cn,
    'sha',
    { kind: 'redirect', rule: 'admits' },
  ],
  ['us claim from a cn address at sjc', { region: 'us' }, FROM.cn, 'sjc', { kind: 'admit' }],
  [
    'cn at fra, which its route does not name',
    { region: 'cn' },
    FROM.cn,
    'fra',
    { kind: 'redirect', rule: 'route' },
  ],
  ['no claim', {}, FROM.us, 'sjc', { kind: 'refuse', code: 'region_unknown', status: 403 }],
  [
    'no claim, and a region in nothing else counts',
    {},
    FROM.cn,
    'sha',
    { kind: 'refuse', code: 'region_unknown' },
  ],
  [
    'an undefined claim',
    { region: 'mars' },
    FROM.us,
    'sjc',
    { kind: 'refuse', code: 'region_unknown', status: 403 },
  ],
  ['an address in no region', { region: 'us' }, FROM.jp, 'sjc', { kind: 'admit' }],
  ['an address without evidence', { region: 'us' }, FROM.none, 'sjc', { kind: 'admit' }],
  [
    'an address that may prove nothing',
    { region: 'us' },
    FROM.refused,
    'sjc',
    { kind: 'refuse', code: 'address_unknown', status: 403 },
  ],
  [
    'narrowed to us at hkg',
    { region: 'us', regions: ['us'] },
    FROM.us,
    'hkg',
    { kind: 'redirect', rule: 'narrowing' },
  ],
  [
    'narrowed away from home',
    { region: 'us', regions: ['cn'] },
    FROM.us,
    'sjc',
    { kind: 'refuse', code: 'narrowing_empty', status: 403 },
  ],
  [
    'all but us at sjc',
    { region: 'us', except: ['us'] },
    FROM.us,
    'sjc',
    { kind: 'redirect', rule: 'narrowing' },
  ],
  [
    'a misspelt exclusion',
    { region: 'us', except: ['chn'] },
    FROM.us,
    'sjc',
    { kind: 'refuse', code: 'region_unknown' },
  ],
];

test.each(TABLE)('%s', async (_what, claims, from, here, expected) => {
  const door = await createDoor(here);
  const verdict = await ask(door, await door.token(claims), from);
  const told =
    verdict.kind === 'refuse' ? verdict.refusal : verdict.kind === 'redirect' ? verdict.redirect : {};
  expect({ ...told, kind: verdict.kind }).toMatchObject(expected);
  expect(door.defects).toEqual([]);
});

test('where the fences leave nothing for claim and address together: 451', async () => {
  const door = await createDoor(
    'sha',
    zoom2020((t) => t.replace('secondaries: [hkg, sjc] }', 'secondaries: [] }')),
  );
  const refusal = refusalOf(await ask(door, await door.token({ region: 'cn' }), FROM.us));
  expect(refusal).toMatchObject({ code: 'address_refused', status: 451, rule: 'evidence', retry: false });
});

test('conflict: refuse is another matter: 403', async () => {
  const door = await createDoor('sjc', withPolicy(zoom2020(), { conflict: 'refuse' }));
  const token = await door.token({ region: 'us' });
  expect(refusalOf(await ask(door, token, FROM.de))).toMatchObject({ code: 'region_conflict', status: 403 });
  expect((await ask(door, token, FROM.us)).kind).toBe('admit');
});

test('whom a node serves is told by the label, and by where media comes from', async () => {
  const { admission } = await createDoor('hkg', withFence(zoom2020(), 'hk', ['hk', 'us'], 13));
  const us = { home: 'us', evidence: ['us'], regions: null };
  expect(admission.serves(us)).toBe(true);
  expect(admission.serves(us, [FROM.us, FROM.hk, FROM.jp, FROM.none])).toBe(true);
  for (const address of [FROM.cn, FROM.de, '10.0.0.1']) {
    expect(admission.serves(us, [FROM.us, address])).toBe(false);
  }
  expect(admission.serves({ ...us, home: 'cn', evidence: ['cn'] })).toBe(false);
});

test('unknown: cn serves who has no claim inside the fence only from a cn address', async () => {
  const policy = withPolicy(zoom2020(), { unknown: 'cn' });
  const door = await createDoor('sha', policy);
  const token = await door.token();
  expect((await ask(door, token, FROM.cn)).kind).toBe('admit');
  const verdict = await ask(door, token, FROM.us);
  expect(verdict.kind === 'redirect' && names(verdict.redirect.list).sort()).toEqual(['hkg', 'sjc']);
});

describe('what a node without a good policy says', () => {
  test('no policy: nobody, whatever the token', async () => {
    const door = await createDoor('sjc');
    door.policy = null;
    for (const token of [await door.token({ region: 'us' }), 'nonsense', null]) {
      expect(refusalOf(await ask(door, token, FROM.us))).toMatchObject({
        code: 'policy_missing',
        status: 503,
      });
    }
  });

  test('expired: nobody new, at the door or in the directory; who is in may resume and refresh', async () => {
    const door = await createDoor('sjc');
    const session = await admitted(door, { region: 'us' });
    door.policy = withPolicy(zoom2020(), { expires: door.now });
    const token = await door.token({ region: 'us' });
    for (const step of ['upgrade', 'join'] as const) {
      const request: AdmissionRequest = { token, address: FROM.us, step };
      expect(refusalOf(await door.admission.decide(request))).toMatchObject({
        code: 'policy_expired',
        retry: true,
      });
    }
    expect(await door.admission.directory({ token, address: FROM.us, step: 'directory' })).toMatchObject({
      kind: 'refuse',
      refusal: { code: 'policy_expired', status: 503 },
    });
    expect((await door.admission.decideAgain(session, { step: 'join' })).kind).toBe('refuse');
    expect((await door.admission.decideAgain(session, { step: 'resume', address: FROM.us })).kind).toBe(
      'admit',
    );
    expect((await door.admission.decideAgain(session, { step: 'refresh', token })).kind).toBe('admit');
  });

  test('behind a newer one: nobody new, at the door or in the directory; who is in may resume and refresh', async () => {
    const door = await createDoor('sjc');
    const session = await admitted(door, { region: 'us' });
    const token = await door.token({ region: 'us' });
    door.behind = true;
    for (const step of ['upgrade', 'join'] as const) {
      expect(refusalOf(await door.admission.decide({ token, address: FROM.us, step }))).toMatchObject({
        code: 'not_ready',
        status: 503,
        retry: true,
      });
    }
    expect(await door.admission.directory({ token, address: FROM.us, step: 'directory' })).toMatchObject({
      kind: 'refuse',
      refusal: { code: 'not_ready' },
    });
    expect((await door.admission.decideAgain(session, { step: 'join' })).kind).toBe('refuse');
    for (const change of [
      { step: 'resume', address: FROM.us },
      { step: 'refresh', token },
    ] as const) {
      expect((await door.admission.decideAgain(session, change)).kind).toBe('admit');
    }
  });

  test("a policy of another cloud: this token is not that cloud's", async () => {
    const door = await createDoor('sjc');
    const token = await door.token({ region: 'us' });
    door.policy = withPolicy(zoom2020(), { cloud: 'government' });
    expect(refusalOf(await ask(door, token, FROM.us))).toMatchObject({ code: 'token_invalid', status: 401 });
  });

  test('a datacenter that the policy does not know admits nobody', async () => {
    const door = await createDoor('lhr');
    expect((await ask(door, await door.token({ region: 'us' }), FROM.us)).kind).toBe('redirect');
  });

  test('the policy switches while a list is made: the list is made again', async () => {
    const door = await createDoor('sha');
    const nodes = door.registry.nodes.bind(door.registry);
    let asked = 0;
    door.registry.nodes = async (datacenters) => {
      if (asked++ === 0) door.policy = withPolicy(zoom2020(), { closed: ['sjc'], version: 13 });
      return nodes(datacenters);
    };
    const verdict = await ask(door, await door.token({ region: 'us' }), FROM.us);
    if (verdict.kind !== 'redirect') throw new Error(verdict.kind);
    expect(names(verdict.redirect.list)).not.toContain('sjc');
    expect(verdict.redirect.list.policy).toBe(door.policy?.digest);
  });

  test('a policy that never stops switching is not waited for', async () => {
    const door = await createDoor('sha');
    const nodes = door.registry.nodes.bind(door.registry);
    door.registry.nodes = async (datacenters) => {
      door.policy = withPolicy(zoom2020(), { version: Math.floor(Math.random() * 1e9) });
      return nodes(datacenters);
    };
    expect(refusalOf(await ask(door, await door.token({ region: 'us' }), FROM.us)).code).toBe('not_ready');
  });
});

describe('the directory', () => {
  test('any node answers for every region; the list is signed, whole and short-lived', async () => {
    for (const here of ALL) {
      const door = await createDoor(here);
      const token = await door.token({ region: 'eu' }, { jti: 'the-same-session' });
      const outcome = await door.admission.directory({ token, address: FROM.de, step: 'directory' });
      if (outcome.kind !== 'list') throw new Error(outcome.refusal.code);
      const { signature, ...list } = directoryAnswerSchema.parse(outcome.answer);
      expect(list.primaries.map((e) => e.datacenter)).toEqual(['fra', 'ams']);
      expect(list.secondaries).toHaveLength(2);
      expect(list).toMatchObject({ cloud: 'commercial', room: 'standup', policy: door.policy?.digest });
      expect(list.expiresAt).toBe(Math.floor(door.now / 1000) + 60);
      const keys = createLocalJWKSet({ keys: [{ ...door.directoryKey.publicJwk }] });
      const { payload } = await compactVerify(signature, keys);
      expect(directoryListSchema.parse(JSON.parse(new TextDecoder().decode(payload)))).toEqual(list);
    }
  });

  test('a second question brings no third datacenter', async () => {
    const door = await createDoor('sjc');
    const token = await door.token({ region: 'us' });
    const ask = async () => {
      const outcome = await door.admission.directory({ token, address: FROM.us, step: 'directory' });
      return outcome.kind === 'list' ? names(outcome.answer) : [];
    };
    const first = await ask();
    for (let i = 0; i < 20; i++) expect(await ask()).toEqual(first);
  });

  test('draining, starting, full and unknown nodes are not listed', async () => {
    const door = await createDoor('sjc');
    await door.up([]);
    const policy = zoom2020();
    await door.registry.announce(entryOf(nodeOf(policy, 'sjc', { state: 'draining' })), 1);
    await door.registry.announce(entryOf(nodeOf(policy, 'iad', { accepting: false })), 1);
    await door.registry.announce(entryOf(nodeOf(policy, 'fra', { state: 'starting' })), 1);
    await door.registry.announce(entryOf(nodeOf(policy, 'lhr')), 1);
    await door.registry.announce(entryOf(nodeOf(policy, 'hkg')), 1);
    const token = await door.token({ region: 'us' });
    const outcome = await door.admission.directory({ token, address: FROM.us, step: 'directory' });
    expect(outcome.kind === 'list' && names(outcome.answer)).toEqual(['hkg']);
  });

  test('without the registry: refused and retryable; who is allowed here is admitted all the same', async () => {
    const door = await createDoor('sjc');
    await door.registry.close();
    const us = await door.token({ region: 'us' });
    expect(await door.admission.directory({ token: us, address: FROM.us, step: 'directory' })).toMatchObject({
      kind: 'refuse',
      refusal: { code: 'registry_unavailable', status: 503, retry: true },
    });
    expect((await ask(door, us, FROM.us)).kind).toBe('admit');
    // What the policy alone refuses, it refuses for good.
    expect(refusalOf(await ask(door, await door.token({ region: 'mars' }), FROM.us)).code).toBe(
      'region_unknown',
    );
    expect(
      refusalOf(await ask(door, await door.token({ region: 'cn', regions: ['cn'] }), FROM.cn)).code,
    ).toBe('registry_unavailable');
  });
});

describe('an admitted session, judged again', () => {
  test('an address of a resume widens the evidence and stays within it', async () => {
    const door = await createDoor('sjc');
    const session = await admitted(door, { region: 'us' });
    const resumed = await door.admission.decideAgain(session, { step: 'resume', address: FROM.de });
    if (resumed.kind !== 'admit') throw new Error(resumed.kind);
    expect(resumed.session.label.evidence).toEqual(['eu', 'us']);
    expect(resumed.session.address).toBe(FROM.de);
    const back = await door.admission.decideAgain(resumed.session, { step: 'resume', address: FROM.us });
    expect(back.kind === 'admit' && back.session.label.evidence).toEqual(['eu', 'us']);
  });

  test('an address outside the fence moves a session of cn out of sha', async () => {
    const door = await createDoor('sha');
    const session = await admitted(door, { region: 'cn' }, FROM.cn);
    const verdict = await door.admission.decideAgain(session, { step: 'resume', address: FROM.us });
    expect(verdict.kind === 'redirect' && names(verdict.redirect.list).sort()).toEqual(['hkg', 'sjc']);
  });

  test('a closed datacenter sends its sessions elsewhere', async () => {
    const door = await createDoor('sjc');
    const session = await admitted(door, { region: 'us' });
    door.policy = withPolicy(zoom2020(), { closed: ['sjc'], version: 13 });
    const verdict = await door.admission.decideAgain(session, { step: 'resume' });
    expect(verdict).toMatchObject({ kind: 'redirect', redirect: { rule: 'closed' } });
  });

  test('a fresh token: same issuer, room and participant only; evidence grows, narrowing shrinks, the home stays', async () => {
    const door = await createDoor('sjc');
    const session = await admitted(door, { region: 'us', sub: 'ann', regions: ['us', 'eu'] });
    const refresh = async (claims: object) =>
      door.admission.decideAgain(session, { step: 'refresh', token: await door.token(claims) });
    const wider = await refresh({ region: 'eu', sub: 'ann', regions: ['us', 'hk'] });
    expect(wider).toMatchObject({
      kind: 'admit',
      session: { label: { home: 'us', evidence: ['eu', 'us'], regions: ['us'] }, claims: { region: 'eu' } },
    });
    const same = { region: 'us', sub: 'ann' };
    for (const claims of [{ ...same, room: 'another' }, { ...same, sub: 'bob' }, { region: 'us' }]) {
      expect(refusalOf(await refresh(claims))).toMatchObject({ code: 'token_mismatch', status: 401 });
    }
    const ofAnother = { ...session, claims: { ...session.claims, iss: 'https://another.example.net' } };
    const token = await door.token(same);
    const judged = await door.admission.decideAgain(ofAnother, { step: 'refresh', token });
    expect(refusalOf(judged).code).toBe('token_mismatch');
    const unnarrowed = await refresh(same);
    expect(unnarrowed.kind === 'admit' && unnarrowed.session.label.regions).toEqual(['eu', 'us']);
  });

  test('a session whose token has expired is not seated; one that is seated has its own timer', async () => {
    const door = await createDoor('sjc');
    const session = await admitted(door, { region: 'us' });
    door.now += 3600_000 + 5_000;
    expect(refusalOf(await door.admission.decideAgain(session, { step: 'join' })).code).toBe('token_expired');
    expect((await door.admission.decideAgain(session, { step: 'resume' })).kind).toBe('admit');
    const token = await door.token({ region: 'us' }, { ttlSeconds: 1 });
    door.now += 60_000;
    const refresh = await door.admission.decideAgain(session, { step: 'refresh', token });
    expect(refusalOf(refresh).code).toBe('token_expired');
  });
});

describe('decisions', () => {
  test('one record for each: who decided what by which rule, and nothing that identifies', async () => {
    const door = await createDoor('sha');
    const token = await door.token({ region: 'us', name: 'Ann Example', sub: 'ann' }, { jti: 'jti-of-ann' });
    await ask(door, token, FROM.us);
    expect(door.decisions).toHaveLength(1);
    expect(door.decisions[0]).toMatchObject({
      step: 'upgrade',
      kind: 'redirect',
      code: 'region_not_admitted',
      rule: 'admits',
      policy: door.policy?.digest,
      home: 'us',
      evidence: ['us'],
      here: 'sha',
      listed: expect.arrayContaining(['sjc', 'iad']),
    });
    const text = JSON.stringify(door.decisions);
    for (const secret of [token, FROM.us, 'Ann', '"ann"']) expect(text).not.toContain(secret);
    await ask(door, 'nonsense', FROM.us);
    expect(door.decisions[1]).toMatchObject({ kind: 'refuse', code: 'token_invalid', home: null, jti: null });
  });

  test("the directory's plain list is chosen by the route, and by no rule that forbids", async () => {
    const door = await createDoor('sha');
    const token = await door.token({ region: 'us' });
    await door.admission.directory({ token, address: FROM.us, step: 'directory' });
    expect(door.decisions).toMatchObject([{ kind: 'list', code: 'listed', rule: 'route', room: 'standup' }]);
  });

  test('whatever throws, refuses, and is told to the operator', async () => {
    const door = await createDoor('sha');
    door.registry.nodes = () => Promise.reject(new Error('a defect'));
    const refusal = refusalOf(await ask(door, await door.token({ region: 'us' }), FROM.us));
    expect(refusal).toMatchObject({ code: 'internal', status: 500 });
    expect(refusal.message).not.toContain('defect');
    expect(door.defects).toHaveLength(1);
  });
});

test('messages name neither address nor token, for every refusal there is', async () => {
  const policy = policyOf(`
version: 1
cloud: commercial
regions:
  us: { countries: [US], admits: [us] }
  cn: { countries: [CN], admits: [cn] }
datacenters:
  sjc: { region: us, url: "wss://sjc.example.net" }
  sha: { region: cn, url: "wss://sha.example.net" }
routes:
  us: { primaries: [sjc], secondaries: [] }
  cn: { primaries: [sha], secondaries: [] }
unknown: refuse
`);
  const door = await createDoor('sjc', policy);
  await door.up([]);
  for (const region of ['us', 'cn', 'mars', undefined]) {
    for (const from of Object.values(FROM)) {
      const token = await door.token(region === undefined ? {} : { region });
      const verdict = await ask(door, token, from);
      if (verdict.kind === 'admit') continue;
      const refusal = refusalOf(verdict);
      expect(refusal.message).not.toContain(from);
      expect(refusal.message).not.toContain(token);
      expect(refusal.message.length).toBeLessThan(400);
    }
  }
});

function ask(door: Door, token: string | null, address: string): Promise<Verdict> {
  return door.admission.decide({ token, address, step: 'upgrade' });
}

async function admitted(door: Door, claims: object, from: string = FROM.us): Promise<AdmittedSession> {
  const verdict = await ask(door, await door.token(claims), from);
  if (verdict.kind !== 'admit') throw new Error(`not admitted: ${verdict.kind}`);
  return verdict.session;
}

function refusalOf(verdict: Verdict) {
  if (verdict.kind !== 'refuse') throw new Error(`not refused: ${verdict.kind}`);
  return refusalSchema.parse(verdict.refusal);
}

function names(list: DirectoryAnswer): string[] {
  return [...list.primaries, ...list.secondaries].map((entry) => entry.datacenter);
}
