import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mesonList, workerSources } from './meson.ts';
import { mediasoupSource } from './source.ts';

describe('a meson list', () => {
  it('is read over several lines, with comments and trailing commas', () => {
    const text =
      "sources = [ # the first\n  'a.cpp',\n  # 'no.cpp',\n  'b#c.cpp', 'd.cpp'\n]\nother = ['x.cpp']\n";
    expect(mesonList(text, 'sources').map((s) => s.value)).toEqual(['a.cpp', 'b#c.cpp', 'd.cpp']);
    expect(mesonList(text, 'other').map((s) => s.value)).toEqual(['x.cpp']);
  });

  it('keeps what is added to it, with the condition', () => {
    const text = "s = ['a']\nif not get_option('x')\n  s += ['b']\nelse\n  s += ['c']\nendif\ns += ['d']\n";
    expect(mesonList(text, 's')).toEqual([
      { value: 'a', condition: undefined },
      { value: 'b', condition: "not get_option('x')" },
      { value: 'c', condition: "otherwise (not get_option('x'))" },
      { value: 'd', condition: undefined },
    ]);
  });

  it.each([
    ['an entry that is no string', "s = ['a', files('b')]", /unexpected entry/],
    ['a list that does not end', "s = ['a',", /does not end/],
    ['no such list', "t = ['a']", /no meson list s/],
  ])('refuses %s', (_name, text, message) => {
    expect(() => mesonList(text, 's')).toThrow(message);
  });
});

describe("mediasoup's own meson files", () => {
  const { workerDir } = mediasoupSource();
  const sources = workerSources(workerDir);

  it('name every source of the executable, each of which exists', () => {
    expect(sources).toContain('src/main.cpp');
    expect(sources).toContain('src/DepLibWebRTC.cpp');
    expect(sources).toContain('src/RTC/TransportCongestionControlClient.cpp');
    expect(sources).toContain('src/RTC/TransportCongestionControlServer.cpp');
    expect(sources.filter((s) => s.startsWith('deps/libwebrtc/libwebrtc/')).length).toBeGreaterThan(30);
    expect(sources.filter((s) => !existsSync(join(workerDir, s)))).toEqual([]);
    expect(new Set(sources).size).toBe(sources.length);
  });
});
