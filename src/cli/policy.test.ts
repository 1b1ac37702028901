import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { policyFiles } from './testing/policy-files.ts';
import { runPolicy as run } from './testing/policy-run.ts';

const files = policyFiles();
const { file, write } = files;

describe('policy check', () => {
  it('0: the policy holds', async () => {
    const { code, out } = await run('check', file('zoom-2020'));
    expect(code).toBe(0);
    expect(out).toContain('holds: commercial 12, 18 route entries');
  });

  it('1: each violation on a line of its own that begins with its place', async () => {
    const { code, out } = await run('check', file('zoom-2020-february'));
    expect(code).toBe(1);
    const lines = out.trim().split('\n');
    expect(lines).toHaveLength(4);
    for (const line of lines) expect(line).toMatch(/^\S+zoom-2020-february\.yaml:\d+:\d+: (us|eu) client → /);
  });

  it('2: every fault, and files that cannot be read', async () => {
    const bad = write('bad.yaml', 'version: x\ncloud: 1\n');
    const { code, out } = await run(
      'check',
      bad,
      join(files.dir, 'none.yaml'),
      files.dir,
      write('b.bin', Uint8Array.of(0, 255)),
    );
    expect(code).toBe(2);
    expect(out).toContain(`${bad}:1:10: `);
    expect(out).toContain(`${bad}:2:8: `);
    expect(out).toContain(`${join(files.dir, 'none.yaml')}:1:1: cannot be read`);
    expect(out).toContain(`${files.dir}:1:1: cannot be read`);
    expect(out).toContain('b.bin:1:2: not UTF-8');
  });

  it('the highest code wins', async () => {
    expect((await run('check', file('zoom-2020'), file('zoom-2020-february'))).code).toBe(1);
    expect((await run('check', file('zoom-2020-february'), write('e.yaml', ''))).code).toBe(2);
  });

  it('clouds that share something', async () => {
    const twin = write('twin.yaml', readFileSync(file('zoom-2020'), 'utf8').replace('commercial', 'other'));
    const { code, out } = await run('check', file('zoom-2020'), twin);
    expect(code).toBe(1);
    expect(out).toContain('share the datacenter name sjc');
    expect((await run('check', file('zoom-2020'), file('government'))).out).toContain('share nothing');
  });

  it('warnings go to stderr, exit 0', async () => {
    const { code, out, err } = await run('check', file('../policy'));
    expect(code).toBe(0);
    expect(err).toMatch(/policy\.yaml:\d+:3: warning: the route of local has no secondaries/);
    expect(out).not.toContain('warning');
  });

  it('warns of a policy that has expired, or will within 30 days', async () => {
    const dated = (days: number) =>
      write(
        'dated.yaml',
        readFileSync(file('zoom-2020'), 'utf8').replace(
          '2027-06-30T00:00:00Z',
          new Date(Date.now() + days * 86_400_000).toISOString(),
        ),
      );
    expect(await run('check', dated(-1))).toMatchObject({
      code: 0,
      err: expect.stringMatching(/dated\.yaml:24:10: warning: the policy expired at /),
    });
    expect((await run('check', dated(29))).err).toMatch(/dated\.yaml:24:10: warning: the policy expires at /);
    expect((await run('check', dated(31))).err).toBe('');
  });

  it('--json: one document, with the certificate', async () => {
    const { code, out } = await run('check', file('zoom-2020'), file('zoom-2020-february'), '--json');
    const document = JSON.parse(out);
    expect(document.exit).toBe(code);
    expect(document.files[0]).toMatchObject({
      status: 'holds',
      certificate: { theorem: 'T1', cloud: 'commercial' },
    });
    expect(document.files[1]).toMatchObject({
      status: 'violated',
      violations: [{ line: 17, column: 61 }, {}, {}, {}],
    });
  });
});

describe('policy diff', () => {
  it('0: no new reach', async () => {
    const { code, out } = await run('diff', file('zoom-2020'), file('zoom-2020'));
    expect(code).toBe(0);
    expect(out).toContain('no new reach');
  });

  it('3: wider; each line of reach begins with its sign', async () => {
    const text = readFileSync(file('zoom-2020'), 'utf8');
    const wide = write(
      'wide.yaml',
      text
        .replace('admits: [cn]', 'admits: [cn, us]')
        .replace('fra, ams, hkg] }\n  eu', 'fra, hkg, tsn] }\n  eu'),
    );
    const { code, out } = await run('diff', file('zoom-2020'), wide);
    expect(code).toBe(3);
    const reach = out.split('\n').filter((l) => !l.startsWith('  ') && l !== '');
    for (const line of reach) expect(line).toMatch(/^[+-] /);
    expect(out).toMatch(/^\+ clients of us +sha, tsn +pipe$/m);
    expect(out).toMatch(/^\+ route of us +tsn +secondary, redirect, room move$/m);
    expect(out).toMatch(/^- route of us +ams +secondary, redirect, room move$/m);
    const markdown = await run('diff', file('zoom-2020'), wide, '--markdown');
    expect(markdown).toMatchObject({
      code: 3,
      out: expect.stringContaining('| ➕ | clients of us | sha, tsn | pipe |'),
    });
    const json = await run('diff', file('zoom-2020'), wide, '--json');
    expect(JSON.parse(json.out)).toMatchObject({ exit: 3, widens: true });
  });

  it('1: NEW fails check', async () => {
    const { code, out } = await run('diff', file('zoom-2020'), file('zoom-2020-february'));
    expect(code).toBe(1);
    expect(out).toContain('us client → sjc, iad unreachable → secondary sha');
    const markdown = await run('diff', file('zoom-2020'), file('zoom-2020-february'), '--markdown');
    expect(markdown.code).toBe(1);
    expect(markdown.out.split('\n')[0]).toBe(
      '### Policy commercial 13: **refused by `check`**, no new reach',
    );
  });

  it('2: not a policy, or another cloud', async () => {
    expect((await run('diff', file('zoom-2020'), write('x.yaml', 'a'))).code).toBe(2);
    expect((await run('diff', file('zoom-2020'), file('government'))).code).toBe(2);
    expect((await run('diff', file('zoom-2020'), file('zoom-2020'), '--json', '--markdown')).code).toBe(2);
  });
});

describe('policy explain', () => {
  const explain = (client: string, datacenter: string, ...rest: string[]) =>
    run('explain', file('zoom-2020'), '--client', client, '--datacenter', datacenter, ...rest);

  it('0: allowed; 1: not; with the line that says so', async () => {
    expect(await explain('us', 'hkg')).toMatchObject({
      code: 0,
      out: expect.stringContaining('zoom-2020.yaml:6:34)'),
    });
    expect(await explain('us', 'sha')).toMatchObject({
      code: 1,
      out: expect.stringContaining('zoom-2020.yaml:7:34)'),
    });
  });

  it('whether it is allowed, not whether a route names it', async () => {
    const { code, out } = await explain('cn', 'fra', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ allowed: true, rule: 'admits', route: null });
  });

  it('2: unknown names, and a wrong call', async () => {
    expect(await explain('usa', 'sha')).toMatchObject({
      code: 2,
      out: expect.stringContaining('did you mean "us"?'),
    });
    expect((await explain('us', 'shq')).code).toBe(2);
    expect((await run('explain', file('zoom-2020'), '--client', 'us')).code).toBe(2);
    expect((await run('explain', write('y.yaml', ''), '--client', 'us', '--datacenter', 'sha')).code).toBe(2);
  });
});

describe('policy simulate, meet and graph', () => {
  it('0 served, 1 refused, 2 unknown name', async () => {
    const simulate = (...args: string[]) => run('simulate', file('zoom-2020-february'), ...args);
    expect(await simulate('--client', 'us', '--down', 'sjc,iad')).toMatchObject({ code: 0 });
    const refused = await simulate('--client', 'us', '--down', 'sjc,iad,fra,ams,hkg');
    expect(refused.code).toBe(1);
    expect(refused.out).toMatch(/^never secondary sha: .*zoom-2020-february\.yaml:7:34\)$/m);
    expect((await simulate('--client', 'us', '--down', 'xxx')).code).toBe(2);
    expect((await simulate('--client', 'us', '--down', ' sjc, iad ,')).out).toMatch(
      /^1\. primary +sjc: down\n2\. primary +iad: down$/m,
    );
  });

  it('tells every outcome: 0, or 1 where nobody is served in any', async () => {
    const all = (...args: string[]) => run('simulate', file('zoom-2020'), '--client', 'us', '--all', ...args);
    const { code, out } = await all('--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ exit: 0, outcomes: { length: 6 } });
    expect((await all('--down', 'sjc,iad,fra,ams')).code).toBe(0);
    expect(await all('--down', 'sjc,iad,fra,ams,hkg')).toMatchObject({ code: 1, out: 'refused\n' });
  });

  it('meets, or says why not', async () => {
    expect((await run('meet', file('zoom-2020'), 'us', 'cn')).code).toBe(0);
    expect((await run('meet', file('zoom-2020'), 'us,cn', '--json')).out).toContain('"possible": true');
    const apart = write('apart.yaml', readFileSync(file('zoom-2020'), 'utf8').replace('[hkg, sjc]', '[]'));
    expect(await run('meet', apart, 'us', 'cn')).toMatchObject({
      code: 1,
      out: expect.stringContaining('cn sits at: nowhere'),
    });
    expect((await run('meet', apart, 'xx')).code).toBe(2);
    expect((await run('meet', apart, 'us', 'us')).out).toBe((await run('meet', apart, 'us')).out);
  });

  it('draws to stdout or a file', async () => {
    expect((await run('graph', file('global'))).out).toMatch(/^<svg .*<\/svg>\n$/s);
    const out = join(files.dir, 'g.svg');
    expect((await run('graph', file('zoom-2020'), '--out', out)).code).toBe(0);
    expect(readFileSync(out, 'utf8')).toContain('commercial');
    const nowhere = join(files.dir, 'no', 'g.svg');
    expect(await run('graph', file('zoom-2020'), '--out', nowhere)).toMatchObject({
      code: 2,
      out: expect.stringContaining(`${nowhere}:1:1: cannot be written: `),
    });
    expect(JSON.parse((await run('graph', file('zoom-2020'), '--json')).out)).toMatchObject({
      exit: 0,
      svg: expect.stringMatching(/^<svg /),
    });
  });
});

describe('policy replay', () => {
  const decision = {
    step: 'join',
    kind: 'redirect',
    code: 'region_not_admitted',
    rule: 'admits',
    here: 'sha',
    home: 'us',
    evidence: ['us'],
    regions: null,
    policy: 'sha256:x',
    listed: ['sjc'],
    room: 'abc…',
    jti: null,
    at: '2026-01-01T00:00:00.000Z',
  };

  it('0: nothing opens; 3: something does; log lines or bare records', async () => {
    const log = write(
      'log.jsonl',
      `${JSON.stringify({ level: 30, msg: 'decision', decision })}\n{"level":30}\nnot json\n${JSON.stringify(decision)}\n`,
    );
    const same = await run('replay', file('zoom-2020-february'), log);
    expect(same).toMatchObject({ code: 0, out: expect.stringContaining('2 decisions replayed, 0 flips') });
    const open = write(
      'open.yaml',
      readFileSync(file('zoom-2020-february'), 'utf8').replace('admits: [cn]', 'admits: any'),
    );
    const flipped = await run('replay', open, log);
    expect(flipped.code).toBe(3);
    expect(flipped.out).toContain(`+ ${log}:1: join of us at sha: redirect → admit (admitted)`);
    expect(flipped.out).toContain(`+ ${log}:4: `);
    expect(JSON.parse((await run('replay', open, log, '--json')).out)).toMatchObject({
      exit: 3,
      flips: [{ line: 1 }, { line: 4 }],
    });
  });

  it('2: not a policy, no such file, no records', async () => {
    expect((await run('replay', write('z.yaml', ''), write('l', '{}'))).code).toBe(2);
    expect((await run('replay', file('zoom-2020'), join(files.dir, 'none'))).code).toBe(2);
    expect((await run('replay', file('zoom-2020'), write('l2', 'nothing\n'))).code).toBe(2);
  });
});
