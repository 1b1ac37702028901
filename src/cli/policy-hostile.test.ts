import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { linesOf } from './read-file.ts';
import { policyFiles } from './testing/policy-files.ts';
import { runPolicy as run } from './testing/policy-run.ts';

const files = policyFiles();
const { file, write } = files;

describe('whatever is in a file or on the command line', () => {
  it('findings stay on one line each, and steer no terminal', async () => {
    const text = readFileSync(file('zoom-2020'), 'utf8').replace(
      '  cn:',
      '  "\\e[31mred\\u202e": { countries: [FR, FR], admits: any }\n  "new\\nline": { countries: [FR], admits: any }\n  cn:',
    );
    const { code, out } = await run('check', write('escapes.yaml', text));
    expect(code).toBe(2);
    expect(['\u001b', '\u202e'].some((character) => out.includes(character))).toBe(false);
    for (const line of out.trim().split('\n')) expect(line).toMatch(/escapes\.yaml:\d+:\d+: /);
  });

  it('a file without end is read no further than a policy may be long', async () => {
    const { code, out } = await run('check', '/dev/zero');
    expect([code, out]).toEqual([2, '/dev/zero:1:1: larger than 2097152 characters\n']);
    const bundle = await run('verify', '/dev/zero', '--signer', `ed25519:${'A'.repeat(43)}`);
    expect([bundle.code, bundle.out]).toEqual([2, '/dev/zero:1:1: larger than 16777216 bytes\n']);
  });

  it('a name of a file ends no line either', async () => {
    const odd = write('odd\n\u001b[31m.yaml', readFileSync(file('zoom-2020-february')));
    const { code, out, err } = await run('check', odd);
    expect(code).toBe(1);
    expect(out.trim().split('\n')).toHaveLength(4);
    for (const line of out.trim().split('\n'))
      expect(line).toMatch(/odd\\u000a\\u001b\[31m\.yaml:1[78]:6[16]: /);
    expect(err).toMatch(/^[^\n]*odd\\u000a\\u001b\[31m\.yaml: refused: 4 violations\n$/);
  });

  it('an enrolment key of several lines adds no line to a diff', async () => {
    const text = readFileSync(file('zoom-2020'), 'utf8');
    const keyed = write(
      'keyed.yaml',
      text.replace('sjc: { region: us,', 'sjc: { region: us, key: "a\\n- clients of us  sjc  pipe",'),
    );
    const { code, out } = await run('diff', keyed, file('zoom-2020'));
    expect(code).toBe(3);
    expect(out).toContain('\n  sjc is another: key a\\u000a- clients of us  sjc  pipe → none\n');
  });

  it.each([
    [['check', '--json']],
    [['explain', 'zoom-2020', '--client', 'us', '--json']],
    [['frobnicate', '--json']],
    [['check', '--jsn', 'zoom-2020', '--json']],
    [['check', 'none', '--json']],
    [['diff', 'zoom-2020', 'none', '--json']],
    [['explain', 'zoom-2020', '--client', '__proto__', '--datacenter', 'sha', '--json']],
    [['explain', 'zoom-2020', '--client', 'us', '--datacenter', 'constructor', '--json']],
    [['simulate', 'zoom-2020', '--client', 'xx', '--json']],
    [['meet', 'zoom-2020', 'us', 'xx', '--json']],
    [['graph', 'none', '--json']],
    [['graph', 'zoom-2020', '--out', '/nowhere/at/all', '--json']],
    [['nftables', 'zoom-2020', '--datacenter', 'shq', '--json']],
    [['replay', 'zoom-2020', 'none', '--json']],
    [['sign', 'none', '--key', 'none', '--json']],
    [['verify', 'none', '--signer', 'x', '--json']],
    [['keygen', '/nowhere/at/all', '--json']],
  ])('--json prints one document and nothing else: %j', async (args) => {
    const { code, out } = await run(...args.map((arg) => (arg === 'zoom-2020' ? file(arg) : arg)));
    expect(code).toBe(2);
    expect(JSON.parse(out)).toMatchObject({ exit: 2 });
  });
});

describe('lines of a file', () => {
  const lines = (text: string, most = 1_000_000) => [...linesOf(write('lines', text), most)];

  it.each([
    ['nothing', ''],
    ['one without an end', 'a'],
    ['several, some empty', 'a\n\nb\n'],
    ['longer than what is read at once, with characters of several bytes', `${'ü'.repeat(100_001)}\nx€`],
  ])('%s', (_, text) => {
    expect(lines(text)).toEqual(text.split('\n'));
  });

  it('of one without end the start is given, and the next one whole', () => {
    const [long = '', next] = lines(`${'a'.repeat(1_000_000)}\nb`, 10);
    expect(long.length).toBeLessThan(100_000);
    expect(next).toBe('b');
  });
});
