import { describe, expect, it } from 'vitest';
import { ninjaFile, readNinjaProgress } from './ninja.ts';
import { loadRecipe, type Recipe, recipeKey } from './recipe.ts';

const recipe = loadRecipe();
const versions = ['g++-12 12.2', 'libssl-dev 3.0'];
const key = recipeKey(recipe, '3.27.1', versions);

describe("the cache's key", () => {
  it('is the same for the same recipe', () => {
    expect(recipeKey(loadRecipe(), '3.27.1', [...versions])).toBe(key);
  });

  const changes: [string, Recipe, string, string[]][] = [
    ['version of mediasoup', recipe, '3.27.2', versions],
    ['version of a library', recipe, '3.27.1', ['g++-12 12.2', 'libssl-dev 3.1']],
    ['flag', { ...recipe, compileFlags: [...recipe.compileFlags, '-O3'] }, '3.27.1', versions],
    ['flag of libsrtp', { ...recipe, cFlags: [...recipe.cFlags, '-O3'] }, '3.27.1', versions],
    ["libsrtp, the system's", { ...recipe, srtp: 'system' }, '3.27.1', versions],
    ['link flag', { ...recipe, linkFlags: [...recipe.linkFlags, '-s'] }, '3.27.1', versions],
    [
      'patch',
      { ...recipe, patches: new Map([...recipe.patches, ['0002-x.patch', 'x']]) },
      '3.27.1',
      versions,
    ],
    ['stand-in header', { ...recipe, compat: new Map([...recipe.compat, ['x.h', 'x']]) }, '3.27.1', versions],
  ];
  it.each(changes)('differs with another %s', (_name, changed, version, tools) => {
    expect(recipeKey(changed, version, tools)).not.toBe(key);
  });
});

describe('the ninja file', () => {
  const input = {
    programs: [
      { binary: 'out', sources: ['worker/src/a.cpp', 'worker/deps/a.cc', 'worker/src/a.cpp'] },
      { binary: 'checked', sources: ['check.cpp'] },
    ],
  };

  it("compiles every source once and links them all, with libsrtp in place of the system's", () => {
    const text = ninjaFile(recipe, { ...input, libsrtp: { sources: ['libsrtp/b.c'], version: '2.5.0' } });
    expect(text).toContain('build obj/worker_src_a.cpp.o: compile worker/src/a.cpp | pch.hpp.gch');
    expect(text).toContain('build obj/libsrtp_b.c.o: compile_c libsrtp/b.c');
    expect(text).toContain('build out: link obj/worker_src_a.cpp.o obj/worker_deps_a.cc.o obj/libsrtp_b.c.o');
    expect(text).toContain('build checked: link obj/check.cpp.o obj/libsrtp_b.c.o');
    expect(text).not.toContain('-lsrtp2');
  });

  it('links IPsec-MB into libsrtp where it is there, and only there', () => {
    const fast = { ...recipe, ipsecMb: '1.3-2' };
    const libsrtp = { sources: ['libsrtp/b.c'], version: '2.5.0' };
    expect(ninjaFile(fast, { ...input, libsrtp })).toMatch(
      /^cflags = .* -DIPSEC_MB [\s\S]*-l:libIPSec_MB\.a/m,
    );
    expect(ninjaFile(fast, input)).not.toContain('libIPSec_MB');
    expect(ninjaFile(recipe, { ...input, libsrtp })).not.toMatch(/IPSEC_MB|libIPSec_MB/);
  });

  it("links the system's libsrtp where there is no other", () => {
    expect(ninjaFile(recipe, input)).toMatch(/command = g\+\+ -o \$out .* -lsrtp2 /);
  });

  it.each([
    ['[1/260] g++ …', 0],
    ['[130/260] g++ …', 50],
    ['[260/260] g++ …', 100],
    ['ninja: error: loading', undefined],
    ['  [1/2] indented, so not ninja speaking', undefined],
  ])('progress of %j is %s', (line, percent) => {
    expect(readNinjaProgress(line)).toBe(percent);
  });
});
