import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** Everything of ours that decides what the built worker does. Paths in flags are relative to the build's folder. */
export interface Recipe {
  /** Whose cryptography SRTP uses: libsrtp built here with OpenSSL, or the system's, which uses NSS. */
  readonly srtp: 'openssl' | 'system';
  /** Version of the library that computes AES-GCM in OpenSSL's place where the processor can; none without it. */
  readonly ipsecMb?: string;
  /** Of C++. */
  readonly compileFlags: readonly string[];
  /** Of libsrtp's C. */
  readonly cFlags: readonly string[];
  readonly linkFlags: readonly string[];
  /** The precompiled header: what most of the sources include. */
  readonly precompiled: string;
  readonly flatcFlags: readonly string[];
  /** Patch files' texts by name, in the order they are applied; those under `libsrtp/` are for that library. */
  readonly patches: ReadonlyMap<string, string>;
  /** Stand-in headers' texts by path. */
  readonly compat: ReadonlyMap<string, string>;
}

const precompiledHeaders = [
  '"common.hpp"',
  '<absl/memory/memory.h>',
  '<absl/types/optional.h>',
  '<ankerl/unordered_dense.h>',
  '<cstring>',
  '<deque>',
  '<flatbuffers/flatbuffers.h>',
  '<limits>',
  '<map>',
  '<ostream>',
  '<set>',
  '<span>',
  '<sstream>',
  '<string>',
  '<string_view>',
  '<uv.h>',
  '<vector>',
];

// Linked statically, because they are C++ without a stable ABI; the C libraries get their security updates.
const staticLibraries = [
  'flatbuffers',
  'absl_strings',
  'absl_strings_internal',
  'absl_bad_optional_access',
  'absl_raw_logging_internal',
  'absl_throw_delegate',
  'absl_int128',
  'absl_base',
  'absl_spinlock_wait',
];

/** Reads the recipe of this checkout. */
export function loadRecipe(dir = import.meta.dirname): Recipe {
  return {
    srtp: 'openssl',
    compileFlags: [
      '-std=c++20',
      '-O2',
      '-pthread',
      // The sources compile cleanly with mediasoup's own set-up; here warnings would only hide the errors.
      '-w',
      '-DMS_LITTLE_ENDIAN',
      '-DMS_EXECUTABLE',
      '-DFLATBUFFERS_LOCALE_INDEPENDENT=1',
      ...[
        '.',
        'compat',
        'libsrtp/public',
        'worker/include',
        'gen',
        'worker/deps/libwebrtc',
        'worker/deps/libwebrtc/libwebrtc',
      ].map((include) => `-I${include}`),
    ],
    cFlags: [
      // Lets the compiler shift libsrtp's replay window, 1024 bits for each packet, in wide registers.
      '-O3',
      '-pthread',
      '-w',
      '-DHAVE_CONFIG_H',
      '-Icompat/libsrtp',
      '-Ilibsrtp/include',
      '-Ilibsrtp/crypto/include',
    ],
    linkFlags: [
      '-pthread',
      '-luv',
      '-lssl',
      '-lcrypto',
      '-Wl,--start-group',
      ...staticLibraries.map((name) => `-l:lib${name}.a`),
      '-Wl,--end-group',
    ],
    precompiled: precompiledHeaders.map((header) => `#include ${header}\n`).join(''),
    flatcFlags: [
      '--cpp',
      '--cpp-field-case-style',
      'lower',
      '--reflect-names',
      '--scoped-enums',
      '--filename-suffix',
      '',
    ],
    patches: readTexts(join(dir, 'patches')),
    compat: readTexts(join(dir, 'compat')),
  };
}

/**
 * The cache's key: the same for the same worker, another as soon as anything differs that could change it.
 * @param versions of the toolchain and libraries; none for the key of the sources alone
 */
export function recipeKey(recipe: Recipe, mediasoupVersion: string, versions: readonly string[]): string {
  const parts = {
    mediasoupVersion,
    platform: `${process.platform}-${process.arch}`,
    recipe: { ...recipe, patches: [...recipe.patches], compat: [...recipe.compat] },
    versions,
  };
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 20);
}

function readTexts(dir: string): Map<string, string> {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(dir, join(entry.parentPath, entry.name)))
    .sort();
  return new Map(files.map((file) => [file, readFileSync(join(dir, file), 'utf8')]));
}
