import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sourceLists } from './apt-source.ts';
import { fetchLibsrtp } from './libsrtp.ts';

let etc: string;
beforeEach(() => {
  etc = mkdtempSync(join(tmpdir(), 'watershed-apt-'));
  mkdirSync(join(etc, 'sources.list.d'));
});
afterEach(() => rmSync(etc, { recursive: true, force: true }));

const debian = [
  'Types: deb deb-src',
  'URIs: http://archive.example.net/debian',
  'Suites: bookworm bookworm-updates',
  'Components: main',
  'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg',
].join('\n');
const security = debian
  .replace('/debian', '/debian-security')
  .replace('bookworm bookworm-updates', 'bookworm-security');

describe("the system's lists of sources", () => {
  it('are asked for source packages, in either form, and nothing else is taken from them', () => {
    writeFileSync(
      join(etc, 'sources.list'),
      '# a comment\ndeb [arch=amd64] http://a/debian bookworm main\ndeb-src http://a/debian bookworm main\n',
    );
    writeFileSync(join(etc, 'sources.list.d', 'debian.sources'), `${debian}\n\n${security}\n`);
    writeFileSync(join(etc, 'sources.list.d', 'old.list.disabled'), 'deb http://b/debian bookworm main\n');
    const lists = sourceLists(etc);
    expect([...lists.values()]).toEqual([
      'deb-src [arch=amd64] http://a/debian bookworm main\n',
      `${debian}\n\n${security}\n\n`.replaceAll('Types: deb deb-src', 'Types: deb-src'),
    ]);
    expect([...lists.keys()]).toEqual(['0.list', '1.sources']);
  });

  it("lead to another suite of Debian's own archive alone", () => {
    writeFileSync(
      join(etc, 'sources.list'),
      'deb http://a/debian bookworm main\ndeb http://a/debian bookworm-updates main\ndeb http://c/x y z\n',
    );
    writeFileSync(join(etc, 'sources.list.d', 'debian.sources'), `${debian}\n\n${security}\n`);
    expect([...sourceLists(etc, 'trixie').values()]).toEqual([
      'deb-src http://a/debian trixie main\n',
      `${debian}\n`
        .replace('Types: deb deb-src', 'Types: deb-src')
        .replace('bookworm bookworm-updates', 'trixie'),
    ]);
  });

  it('may be none at all', () => {
    rmSync(join(etc, 'sources.list.d'), { recursive: true });
    expect(sourceLists(etc).size).toBe(0);
  });
});

describe("libsrtp's source", () => {
  it.each([
    [undefined, /not installed from a Debian package/],
    ['3.0.0-1', /libsrtp 3\.0\.0 is not one/],
    ['2.5.0-0.no.such.revision', /\S/],
  ])(
    'of version %s cannot be had, and why is said',
    async (version, reason) => {
      const found = await fetchLibsrtp(version, join(etc, 'work'));
      expect(found).toEqual({ reason: expect.stringMatching(reason) });
    },
    130_000,
  );
});
