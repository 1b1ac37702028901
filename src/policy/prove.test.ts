import { describe, expect, it } from 'vitest';
import { checkApart } from './apart.ts';
import { check, type Sited } from './prove.ts';
import { edited, exampleText, parsed } from './testing/examples.ts';

const violationsOf = (sited: Sited) => {
  const proof = check(sited);
  return proof.holds ? [] : proof.violations;
};

describe('check', () => {
  it.each(['zoom-2020', 'eu-confined', 'government', 'global'])('%s holds', (name) => {
    const sited = parsed(exampleText(name));
    const proof = check(sited);
    expect(proof.holds).toBe(true);
    if (!proof.holds) return;
    const routes = [...sited.policy.routes.values()];
    expect(proof.certificate.facts).toHaveLength(
      routes.flatMap((r) => [...r.primaries, ...r.secondaries]).length,
    );
    expect(proof.certificate.policy).toMatch(/^sha256:[0-9a-f]{64}$/);
  });

  it('keeps the file of February 2020 refused, and tells the accident', () => {
    const found = violationsOf(parsed(exampleText('zoom-2020-february'), 'policy.yaml'));
    expect(found.map((v) => `${v.file}:${v.line}:${v.column} ${v.client} ${v.datacenter}`)).toEqual([
      'policy.yaml:17:61 us sha',
      'policy.yaml:17:66 us tsn',
      'policy.yaml:18:61 eu sha',
      'policy.yaml:18:66 eu tsn',
    ]);
    expect(found[0]?.message).toBe(
      'us client → sjc, iad unreachable → secondary sha (policy.yaml:17:61), but cn admits only [cn] (policy.yaml:7:34)',
    );
  });

  it.each([
    [
      'a first primary',
      'primaries: [hkg],',
      'primaries: [sha],',
      'hk client → primary sha (policy.yaml:19:21), but cn admits only [cn] (policy.yaml:7:34)',
    ],
    [
      'a later primary',
      'primaries: [sjc, iad]',
      'primaries: [sjc, sha]',
      'us client → sjc unreachable → primary sha (policy.yaml:17:26), but cn admits only [cn] (policy.yaml:7:34)',
    ],
    [
      'a confined region',
      'confined: false',
      'confined: true',
      'eu client → fra, ams unreachable → secondary iad (policy.yaml:18:46), but eu is confined to its own datacenters, and iad is in us (policy.yaml:5:47)',
    ],
  ])('%s', (_, from, to, story) => {
    expect(violationsOf(parsed(edited('zoom-2020', from, to)))[0]?.message).toBe(story);
  });

  it('is not softened by the emergency brake: closing a datacenter does not excuse its entry', () => {
    const text = exampleText('zoom-2020-february').replace('closed: []', 'closed: [sha, tsn]');
    expect(violationsOf(parsed(text))).toHaveLength(4);
  });

  it('points at the alias that brought the entry in', () => {
    const text = edited('zoom-2020', 'primaries: [sha, tsn]', 'primaries: &c [sha, tsn]')
      .replace('  cn: { primaries', '  cn: { primaries')
      .replace(/ {2}us: \{ primaries: .*\n/, '')
      .replace('unknown:', '  us: { primaries: *c }\nunknown:');
    const found = violationsOf(parsed(text));
    expect(found.map((v) => [v.line, v.column, v.datacenter])).toEqual([
      [20, 20, 'sha'],
      [20, 20, 'tsn'],
    ]);
  });
});

it('the certificate says of each fact which fence admits it', () => {
  const proof = check(parsed(exampleText('zoom-2020')));
  if (!proof.holds) throw new Error('it holds');
  const fact = { confined: false };
  expect(proof.certificate.facts).toContainEqual({
    ...fact,
    client: 'cn',
    datacenter: 'sha',
    list: 'primaries',
    region: 'cn',
    admits: '[cn]',
  });
  expect(proof.certificate.facts).toContainEqual({
    ...fact,
    client: 'us',
    datacenter: 'fra',
    list: 'secondaries',
    region: 'eu',
    admits: 'any',
  });
});

it('a violation says by its code which fence it breaks', () => {
  const codes = (text: string) => new Set(violationsOf(parsed(text)).map(({ code }) => code));
  expect(codes(exampleText('zoom-2020-february'))).toEqual(new Set(['admits']));
  const confined = exampleText('zoom-2020').replace(/(eu: .*confined: )false/, '$1true');
  expect(codes(confined)).toEqual(new Set(['confined']));
});

describe('clouds share nothing', () => {
  const commercial = parsed(exampleText('zoom-2020'), 'a.yaml');
  const apart = (from: string, to: string) =>
    checkApart([commercial, parsed(edited('government', from, to), 'b.yaml')]).map(
      (v) => `${v.file}:${v.line}:${v.column} ${v.fence.file}:${v.fence.line} ${v.datacenter}`,
    );

  it('holds for the examples, and for versions of one cloud', () => {
    expect(checkApart([commercial, parsed(exampleText('government'))])).toEqual([]);
    expect(checkApart([commercial, parsed(exampleText('zoom-2020-february'))])).toEqual([]);
  });

  it.each([
    ['a URL', 'wss://iad.gov.example.org', 'wss://iad.example.net', ['b.yaml:9:37 a.yaml:10 gov-iad']],
    [
      'a host on another port',
      'wss://iad.gov.example.org',
      'wss://iad.example.net:8443',
      ['b.yaml:9:37 a.yaml:10 gov-iad'],
    ],
    [
      'a name under a host',
      'wss://iad.gov.example.org',
      'wss://n1.iad.example.net',
      ['b.yaml:9:37 a.yaml:10 gov-iad'],
    ],
    ['nothing: a host that only ends alike', 'wss://iad.gov.example.org', 'wss://xiad.example.net', []],
  ])('%s', (_, from, to, expected) => {
    expect(apart(from, to)).toEqual(expected);
  });

  it('a name', () => {
    const text = exampleText('government').replaceAll('gov-iad', 'iad');
    expect(checkApart([commercial, parsed(text, 'b.yaml')]).map((v) => v.message)).toEqual([
      'clouds commercial and government share the datacenter name iad: datacenter iad of commercial has it too (a.yaml:10:3)',
    ]);
  });

  it('a key, or public addresses; private ones are each network’s own', () => {
    const one = (extra: string) =>
      parsed(edited('zoom-2020', 'sjc: { region: us,', `sjc: { region: us, ${extra},`), 'a.yaml');
    const two = (extra: string) =>
      parsed(
        edited('government', 'gov-iad: { region: gov-east,', `gov-iad: { region: gov-east, ${extra},`),
        'b.yaml',
      );
    expect(checkApart([one('key: k'), two('key: k')])).toHaveLength(1);
    expect(checkApart([one('key: k'), two('key: l')])).toHaveLength(0);
    expect(checkApart([one('media: [192.0.2.0/24]'), two('media: [192.0.2.128/25]')])).toHaveLength(1);
    expect(checkApart([one('media: [10.0.0.0/8]'), two('media: [10.1.0.0/16]')])).toHaveLength(0);
    expect(checkApart([one('media: ["0.0.0.0/0"]'), two('media: [10.1.0.0/16]')])).toHaveLength(0);
    expect(checkApart([one('media: ["0.0.0.0/0"]'), two('media: [192.0.2.0/24]')])).toHaveLength(1);
  });
});
