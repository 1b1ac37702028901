import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { COUNTRIES } from './countries.ts';
import type { Position } from './model.ts';
import { parsePolicy, parsePolicyBytes } from './parse.ts';
import { edited, exampleText, parsed } from './testing/examples.ts';

const ZOOM = exampleText('zoom-2020');

/** For every fault `line:word code`, where the word is what stands at the fault's position. */
function faultsOf(text: string): string[] {
  const result = parsePolicy(text, 'p.yaml');
  return result.ok ? [] : result.faults.map((f) => `${f.line}:${wordAt(text, f)} ${f.code}`);
}

function wordAt(text: string, { line, column }: Position): string {
  const rest = text.split('\n')[line - 1]?.slice(column - 1) ?? '';
  return /^(?:"[^"]*"|[\w.:/%*&!-]+|.|)/.exec(rest)?.[0] ?? '';
}

function messageOf(text: string): string {
  const result = parsePolicy(text, 'p.yaml');
  return result.ok ? 'accepted' : result.faults.map((f) => f.message).join('\n');
}

describe('the example of the documentation', () => {
  const { policy } = parsed(ZOOM);

  it('is read as it stands there', () => {
    expect(policy.version).toBe(12);
    expect(policy.cloud).toBe('commercial');
    expect(policy.regions.get('cn')).toEqual({
      name: 'cn',
      countries: ['CN'],
      admits: ['cn'],
      confined: false,
    });
    expect(policy.datacenters.get('sha')).toEqual({
      name: 'sha',
      region: 'cn',
      url: 'wss://sha.example.net',
      weight: 1,
      key: null,
      media: [],
    });
    expect(policy.routes.get('us')).toEqual({
      region: 'us',
      primaries: ['sjc', 'iad'],
      secondaries: ['fra', 'ams', 'hkg'],
    });
    expect(policy.unknown).toBeNull();
    expect(policy.expires).toBe(Date.UTC(2027, 5, 30));
  });

  it('knows where its parts stand', () => {
    const { positions } = parsed(exampleText('zoom-2020-february'));
    expect(positions.value(['routes', 'us', 'secondaries', 3])).toEqual({ line: 17, column: 61 });
    expect(positions.key(['regions', 'cn', 'admits'])).toEqual({ line: 7, column: 34 });
  });

  it('takes NO for Norway', () => {
    const text = ZOOM.replace('[DE, FR, NL]', '[DE, NO, NL]');
    expect(parsed(text).policy.regions.get('eu')?.countries).toEqual(['DE', 'NO', 'NL']);
  });
});

describe('every policy in config', () => {
  const files = readdirSync(new URL('../../config/policies', import.meta.url)).filter((f) =>
    f.endsWith('.yaml'),
  );
  it.each(['../policy.yaml', ...files])('%s is a policy', (file) => {
    const bytes = readFileSync(new URL(`../../config/policies/${file}`, import.meta.url));
    expect(parsePolicyBytes(bytes, file)).toMatchObject({ ok: true });
  });

  it('global.yaml has each of the 249 countries in one region', () => {
    const regions = [...parsed(exampleText('global')).policy.regions.values()];
    expect(new Set(regions.flatMap((r) => r.countries))).toEqual(COUNTRIES);
    expect(COUNTRIES.size).toBe(249);
  });
});

describe('not a policy', () => {
  const cases: [what: string, from: string, to: string, faults: string[]][] = [
    ['an unknown key', 'conflict:', 'conflcit:', ['22:conflcit: unknown-key']],
    ['a missing key at the top', 'cloud: commercial\n', '', ['1:version: missing-key']],
    ['a region without admits', '[CN],         admits: [cn]', '[CN]', ['7:cn: missing-key']],
    ['admits that is empty', 'admits: [cn]', 'admits: []', ['7:admits: admits']],
    ['admits without its own region', 'admits: [cn]', 'admits: [us]', ['7:admits: admits']],
    ['admits of an undefined region', 'admits: [cn]', 'admits: [cn, cm]', ['7:cm undefined-region']],
    ['admits that is a word', 'admits: [cn]', 'admits: all', ['7:all admits']],
    ['a country in lower case', '[HK, MO]', '[hk, MO]', ['6:hk country']],
    ['a country that is reserved, not assigned', '[HK, MO]', '[UK, MO]', ['6:UK country']],
    ['a user-assigned country', '[HK, MO]', '[HK, XK]', ['6:XK country']],
    ['a country in two regions', '[HK, MO]', '[HK, CN]', ['7:CN country-twice']],
    ['a country twice in a region', '[HK, MO]', '[HK, HK]', ['6:HK country-twice']],
    ['a URL without TLS', 'wss://hkg', 'ws://hkg', ['13:"ws://hkg.example.net" url']],
    ['a URL that is no URL', 'wss://hkg.example.net', 'hkg', ['13:"hkg" url']],
    ['a URL used twice', 'wss://tsn.example', 'wss://sha.example', ['15:"wss://sha.example.net" url-twice']],
    [
      'a URL used twice in another spelling',
      'wss://tsn.example.net',
      'wss://SHA.example.net:443/',
      ['15:"wss://SHA.example.net:443/" url-twice'],
    ],
    ['a datacenter in no region', 'hkg: { region: hk', 'hkg: { region: hx', ['13:hx undefined-region']],
    [
      'a datacenter twice in a route',
      'secondaries: [fra, ams, hkg]',
      'secondaries: [fra, ams, fra]',
      ['17:fra datacenter-twice'],
    ],
    [
      'a primary that is a secondary too',
      'secondaries: [fra, ams, hkg]',
      'secondaries: [sjc, ams, hkg]',
      ['17:sjc datacenter-twice'],
    ],
    [
      'an undefined datacenter in a route',
      'secondaries: [fra, ams, hkg]',
      'secondaries: [fra, amx]',
      ['17:amx undefined-datacenter'],
    ],
    ['a route without primaries', 'primaries: [hkg]', 'primaries: []', ['19:primaries: no-primaries']],
    ['a route of an undefined region', '  hk: { primaries', '  hx: { primaries', ['19:hx: undefined-region']],
    ['an undefined unknown', 'unknown: refuse', 'unknown: usa', ['21:usa undefined-region']],
    ['a conflict that is neither', 'conflict: both', 'conflict: bath', ['22:bath type']],
    ['an undefined datacenter closed', 'closed: []', 'closed: [shx]', ['23:shx undefined-datacenter']],
    ['a date without a zone', '2027-06-30T00:00:00Z', '2027-06-30T00:00:00', ['24:2027-06-30T00:00:00 type']],
    ['a day that is not', '2027-06-30T00:00:00Z', '2027-06-31T00:00:00Z', ['24:2027-06-31T00:00:00Z type']],
    ['a version that is no whole number', 'version: 12', 'version: 12.5', ['1:12.5 type']],
    ['a version that is a string', 'version: 12', 'version: "12"', ['1:"12" type']],
    ['a weight of nothing', 'region: hk,', 'region: hk, weight: 0,', ['13:0 type']],
    ['a prefix with host bits', 'region: hk,', 'region: hk, media: [10.0.0.1/8],', ['13:10.0.0.1/8 media']],
    ['confined that is a word', 'confined: false', 'confined: "no"', ['5:"no" type']],
    [
      'a duplicate key',
      '  cn: { countries',
      '  us: { countries',
      ['7:us: duplicate-key', '14:cn undefined-region', '15:cn undefined-region', '20:cn: undefined-region'],
    ],
    [
      'a reserved name',
      '  hk: { countries',
      '  any: { countries',
      ['6:any: name', '13:hk undefined-region', '19:hk: undefined-region'],
    ],
    ['a tag', 'version: 12', 'version: !!float 12', ['1:!!float syntax']],
    ['a key that is no string', 'cloud: commercial', 'true: x\ncloud: commercial', ['2:true: key']],
    ['a key for two', 'cn, url', 'cn, key: abc, url', []],
  ];
  it.each(cases)('%s', (_, from, to, faults) => {
    expect(faultsOf(edited('zoom-2020', from, to))).toEqual(faults);
  });

  it.each([
    ['empty', '', '1:1 empty'],
    ['only a comment', '# nothing\n', '1:1 empty'],
    ['an empty document', '---\n', '1:1 empty'],
    ['a list', '- a\n', '1:1 type'],
    ['binary', 'version: 1\u0000', '1:11 binary'],
    ['not closed', 'version: [', '1:11 syntax'],
    ['two documents', 'a: 1\n---\nb: 2\n', '2:1 documents'],
    ['YAML 1.1', '%YAML 1.1\n---\na: 1\n', '1:1 yaml-version'],
    ['deep brackets', '['.repeat(5000), '1:251 too-deep'],
    ['brackets somewhat too deep', '['.repeat(200) + ']'.repeat(200), '1:26 too-deep'],
    ['what stands in the first of two documents', 'version: x\n---\n{}\n', '1:10 type'],
    ['a merge key', 'a: &a {}\nb:\n  <<: *a\n', '3:3 merge'],
    ['an empty string', 'cloud: ""\n', '1:8 type'],
    ['deep maps', Array.from({ length: 40 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'), '26:26 too-deep'],
    ['nothing to read', 'a: &a [*a]\n', '1:8 alias'],
    ['a byte order mark is no column', '\ufeffa: [*b]\n', '1:5 alias'],
  ])('%s', (_, text, position) => {
    const result = parsePolicy(text, 'p.yaml');
    expect(result.ok ? [] : result.faults.map((f) => `${f.line}:${f.column} ${f.code}`)).toContain(position);
  });

  it('bytes that are not UTF-8', () => {
    const result = parsePolicyBytes(Uint8Array.of(0x76, 0xff, 0xfe), 'p.yaml');
    expect(result).toMatchObject({ ok: false, faults: [{ code: 'binary' }] });
  });

  it('too many regions or datacenters to make tables of', () => {
    const regions = Array.from({ length: 1001 }, (_, i) => `  r${i}: { countries: [], admits: any }`).join(
      '\n',
    );
    const text = `version: 1\ncloud: c\nregions:\n${regions}\ndatacenters: {}\nroutes: {}\n`;
    expect(faultsOf(text)).toEqual(['3:regions: too-many']);
    const sites = Array.from(
      { length: 10_001 },
      (_, i) => `  d${i}: { region: r, url: "wss://d${i}.example" }`,
    );
    const wide = `version: 1\ncloud: c\nregions:\n  r: { countries: [], admits: any }\ndatacenters:\n${sites.join('\n')}\nroutes: {}\n`;
    expect(faultsOf(wide)).toEqual(['5:datacenters: too-many']);
  });

  it('lists every fault, in the order of the document', () => {
    const text = ZOOM.replace('[HK, MO]', '[HG, MO]')
      .replace('wss://iad', 'http://iad')
      .replace('both', 'none');
    expect(faultsOf(text)).toEqual(['6:HG country', '10:"http://iad.example.net" url', '22:none type']);
  });

  it('guesses what was meant', () => {
    expect(messageOf(ZOOM.replace('conflict:', 'conflcit:'))).toContain('did you mean "conflict"?');
    expect(messageOf(ZOOM.replace('[fra, ams, hkg]', '[frq, ams, hkg]'))).toContain('did you mean "fra"?');
    expect(messageOf(ZOOM.replace('[HK, MO]', '[UK, MO]'))).toContain('did you mean "GB"?');
  });

  it('one enrolment key, or media of two regions, for two datacenters', () => {
    const keys = ZOOM.replace('hk, url', 'hk, key: k, url').replace('cn, url', 'cn, key: k, url');
    expect(faultsOf(keys)).toEqual(['14:k key']);
    const media = ZOOM.replace('hk, url', 'hk, media: [198.51.100.0/24], url').replace(
      'cn, url',
      'cn, media: ["198.51.100.128/25"], url',
    );
    expect(faultsOf(media)).toEqual(['14:"198.51.100.128/25" media']);
  });
});

describe('aliases', () => {
  it('are followed, and reported where they are used', () => {
    const text = ZOOM.replace('admits: [cn]', 'admits: &own [cn]').replace(
      '[HK, MO],     admits: any',
      '[HK, MO], admits: any',
    );
    expect(faultsOf(text)).toEqual([]);
    // Used before its anchor it is no alias of anything; used after, it lacks the region it is used in.
    const later = ZOOM.replace('admits: any }', 'admits: &x [us] }').replace('admits: [cn]', 'admits: *x');
    expect(faultsOf(later)).toEqual(['7:admits: admits']);
    const name = ZOOM.replace('[us] }', '[us] }')
      .replace('hkg, sjc] }', '*d ] }')
      .replace('ams: {', '&d ams: {');
    expect(parsed(name).policy.routes.get('cn')?.secondaries).toEqual(['ams']);
    const wrong = ZOOM.replace('[US, CA, MX]', '&c [US, CA, MX]').replace('[CN]', '*c');
    expect(faultsOf(wrong)).toEqual(['7:*c country-twice', '7:*c country-twice', '7:*c country-twice']);
  });

  it('cannot expand without bound', () => {
    let text = 'a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n';
    for (let i = 1; i < 12; i++)
      text += `a${i}: &a${i} [${Array(10)
        .fill(`*a${i - 1}`)
        .join(', ')}]\n`;
    expect(faultsOf(text)).toContain('6:a5: unknown-key');
    expect(faultsOf(text).filter((f) => f.endsWith('too-many-aliases'))).toHaveLength(1);
  });

  it('that nothing defines are the only fault of their key', () => {
    expect(faultsOf(ZOOM.replace('version: 12', 'version: *x'))).toEqual(['1:*x alias']);
  });

  it('cannot contain themselves', () => {
    expect(faultsOf('a: &a [*a]\n')).toContain('1:*a alias');
  });
});

describe('warnings', () => {
  const warningsOf = (text: string) => {
    const result = parsePolicy(text, 'p.yaml');
    if (!result.ok) throw new Error(result.faults.map((f) => f.message).join('\n'));
    return result.warnings.map((f) => `${f.line}:${f.column} ${f.code}`);
  };
  it.each([
    ['none in the example', 'version: 12', 'version: 13', []],
    [
      'a region without a route',
      '  hk: { primaries: [hkg],      secondaries: [sjc, fra, ams] }\n',
      '',
      ['6:3 no-route'],
    ],
    ['one secondary', 'secondaries: [hkg, sjc]', 'secondaries: [hkg]', ['20:3 few-secondaries']],
    [
      'no room for cn with others',
      'secondaries: [hkg, sjc]',
      'secondaries: []',
      ['4:3 never-meet', '5:3 never-meet', '6:3 never-meet', '20:3 few-secondaries'],
    ],
    [
      'closed datacenters count',
      'closed: []',
      'closed: [hkg, sjc]',
      ['4:3 never-meet', '5:3 never-meet', '6:3 never-meet'],
    ],
  ])('%s', (_, from, to, warnings) => {
    expect(warningsOf(edited('zoom-2020', from, to))).toEqual(warnings);
  });
});

describe('what other readers would read otherwise', () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const at = (input: Uint8Array) => {
    const result = parsePolicyBytes(input, 'p.yaml');
    return result.ok ? 'accepted' : result.faults.map((f) => `${f.line}:${f.column} ${f.code}`).join(' ');
  };

  it('bytes that are not UTF-8 are pointed at, also after characters that are written so', () => {
    const [before = '', after = ''] = ZOOM.split('  cn:');
    const written = bytes(`${before}# \ufffd and 日本\n# \ufffd `);
    const line = before.split('\n').length + 1;
    expect(at(Uint8Array.of(...written, 0xff, ...bytes(`\n  cn:${after}`)))).toBe(`${line}:5 binary`);
    expect(at(Uint8Array.of(0xff, 0xfe, 0x76, 0))).toBe('1:1 binary');
    expect(at(Uint8Array.of(...bytes('ab: '), 0xe6, 0x97))).toBe('1:5 binary');
  });

  it('a carriage return alone ends a line for some', () => {
    const hidden = ZOOM.replace('version: 12', 'version: 12 # as before\rclosed: [sjc]');
    expect(at(bytes(hidden))).toBe('1:24 line-break');
    expect(at(bytes(ZOOM.replaceAll('\n', '\r\n')))).toBe('accepted');
  });

  it('a byte order mark moves no column', () => {
    const wrong = ZOOM.replace('version: 12', 'version: x');
    expect(at(bytes(`\ufeff${wrong}`))).toBe('1:10 type');
    expect(at(bytes(`\ufeff${ZOOM}`))).toBe('accepted');
  });

  it.each([
    ['.nan', 'and is the number NaN'],
    ['.inf', 'and is the number Infinity'],
    ['"12"', 'and is the string "12"'],
    ['~', 'and is empty'],
    ['[1]', 'and is a list'],
  ])('version: %s', (value, message) => {
    expect(messageOf(ZOOM.replace('version: 12', `version: ${value}`))).toContain(message);
  });

  it('keys of other kinds, and quotes that make no difference', () => {
    const region = (key: string) => ZOOM.replace('  cn:', `  ${key} { countries: [FR], admits: any }\n  cn:`);
    for (const [key, shown] of [
      ['12:', '12'],
      ['true:', 'true'],
      ['~:', 'null'],
      ['? [a]\n  :', 'a list'],
      ['? { a: b }\n  :', 'a map'],
    ]) {
      expect(messageOf(region(key ?? ''))).toContain(`the key ${shown} is not a string`);
    }
    for (const key of ['"us":', "'us':", '"\\x75s":']) {
      expect(messageOf(region(key))).toContain('"us" stands twice here');
    }
    expect(messageOf(region('__proto__:'))).toContain('the region "__proto__"');
  });

  it('a section that is not there is the one fault: not every name in it', () => {
    expect(faultsOf(ZOOM.replace('datacenters:', 'datacentres:'))).toEqual([
      '1:version: missing-key',
      '8:datacentres: unknown-key',
    ]);
  });

  it('an enrolment key of another form is warned of', () => {
    const keyed = (key: string) =>
      edited('zoom-2020', 'sjc: { region: us,', `sjc: { region: us, key: "${key}",`);
    const warnings = (text: string) => {
      const result = parsePolicy(text, 'p.yaml');
      return result.ok ? result.warnings.map((w) => w.code) : result.faults.map((f) => f.code);
    };
    expect(warnings(keyed('nonsense'))).toEqual(['key-form']);
    expect(warnings(keyed(`ed25519:${'A'.repeat(43)}`))).toEqual([]);
  });
});
