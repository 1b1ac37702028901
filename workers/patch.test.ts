import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { applyPatch, type FilePatch, parsePatch, patchReason } from './patch.ts';
import { loadRecipe } from './recipe.ts';
import { mediasoupSource } from './source.ts';

const diff = `Because.

--- a/src/x.cpp
+++ b/src/x.cpp
@@ -2,3 +2,4 @@
 two
-three
+THREE
+and more
 four
@@ -6 +7,0 @@
-six
`;

function only(patches: readonly FilePatch[]): FilePatch {
  const [patch] = patches;
  if (!patch || patches.length !== 1) throw new Error('not one patch');
  return patch;
}

describe('a patch', () => {
  it('changes exactly what it says', () => {
    const patch = only(parsePatch(diff));
    expect(patch.path).toBe('src/x.cpp');
    expect(applyPatch('one\ntwo\nthree\nfour\nfive\nsix\nseven\n', patch)).toBe(
      'one\ntwo\nTHREE\nand more\nfour\nfive\nseven\n',
    );
  });

  it('is refused where the text differs, with the place', () => {
    expect(() => applyPatch('one\ntwo\n3\nfour\nfive\nsix\n', only(parsePatch(diff)))).toThrow(
      'src/x.cpp:3 is not what the patch expects: three',
    );
  });

  it('makes a file that is not there, and only then', () => {
    const patch = only(
      parsePatch('Because.\n\n--- /dev/null\n+++ b/src/new.cpp\n@@ -0,0 +1,2 @@\n+one\n+two\n'),
    );
    expect(applyPatch(undefined, patch)).toBe('one\ntwo\n');
    expect(() => applyPatch('three\n', patch)).toThrow('src/new.cpp is there already');
    expect(() => applyPatch(undefined, only(parsePatch(diff)))).toThrow('src/x.cpp does not exist');
  });

  it.each([
    ['without a reason', diff.replace('Because.\n\n', ''), /does not say why/],
    ['without a diff', 'Because.\n', /holds no diff/],
    ['that leaves the folder', diff.replace('+++ b/src', '+++ b/../src'), /unusable file header/],
    ['with wrong counts', diff.replace('-2,3 +2,4', '-2,3 +2,3'), /counts do not fit/],
    ['that ends early', diff.replace('-6 +7,0', '-6,9 +7,0'), /unexpected line|ends early|counts do not fit/],
    ['without hunks', diff.slice(0, diff.indexOf('@@')), /no hunk/],
  ])('%s is refused', (_name, text, message) => {
    expect(() => parsePatch(text)).toThrow(message);
  });
});

describe("this checkout's patches", () => {
  const { patches } = loadRecipe();
  const { workerDir } = mediasoupSource();

  it('are numbered, and say what they are for', () => {
    expect(patches.size).toBeGreaterThan(0);
    for (const [name, text] of patches) {
      expect(name).toMatch(/^(libsrtp\/)?\d{4}-[a-z0-9-]+\.patch$/);
      expect(patchReason(text).length).toBeGreaterThan(80);
    }
  });

  it('fit the pinned mediasoup, one after another', () => {
    const files = new Map<string, string>();
    const read = (path: string): string | undefined => {
      const file = join(workerDir, path);
      return files.get(path) ?? (existsSync(file) ? readFileSync(file, 'utf8') : undefined);
    };
    // Those of libsrtp are tried by the build, which has its source.
    for (const [name, text] of patches) {
      if (name.startsWith('libsrtp/')) continue;
      for (const patch of parsePatch(text)) {
        const before = read(patch.path);
        const after = applyPatch(before, patch);
        expect(after).not.toBe(before);
        files.set(patch.path, after);
      }
    }
  });
});
