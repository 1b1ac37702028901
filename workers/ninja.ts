import type { Recipe } from './recipe.ts';

/** What is compiled, by paths relative to the build's folder. */
export interface NinjaInput {
  /** The worker's, in C++. */
  readonly sources: readonly string[];
  /** libsrtp, in C; without it the system's is linked. */
  readonly libsrtp?: { readonly sources: readonly string[]; readonly version: string } | undefined;
  /** The executable. */
  readonly binary: string;
  /** The program that checks SRTP, and its source. */
  readonly check: { readonly binary: string; readonly source: string };
}

/** The text of a build.ninja that compiles the sources and links the two programs. */
export function ninjaFile(recipe: Recipe, input: NinjaInput): string {
  const { sources, libsrtp, binary, check } = input;
  const object = (source: string): string => `obj/${source.replaceAll('/', '_')}.o`;
  const library = (libsrtp?.sources ?? []).map(object);
  const linked = libsrtp ? recipe.linkFlags : ['-lsrtp2', ...recipe.linkFlags];
  return [
    'ninja_required_version = 1.8',
    `flags = ${recipe.compileFlags.join(' ')}`,
    `cflags = ${recipe.cFlags.join(' ')} -DPACKAGE_VERSION='"${libsrtp?.version ?? ''}"'`,
    'rule header',
    '  command = g++ $flags -x c++-header $in -o $out',
    'rule compile',
    '  command = g++ $flags -include pch.hpp -c $in -o $out',
    'rule compile_c',
    '  command = gcc $cflags -c $in -o $out',
    'rule link',
    `  command = g++ -o $out @$out.objects ${linked.join(' ')}`,
    '  rspfile = $out.objects',
    '  rspfile_content = $in',
    'build pch.hpp.gch: header pch.hpp',
    ...[...sources, check.source].map((source) => `build ${object(source)}: compile ${source} | pch.hpp.gch`),
    ...(libsrtp?.sources ?? []).map((source) => `build ${object(source)}: compile_c ${source}`),
    `build ${binary}: link ${[...sources.map(object), ...library].join(' ')}`,
    `build ${check.binary}: link ${[object(check.source), ...library].join(' ')}`,
    `default ${binary} ${check.binary}`,
    '',
  ].join('\n');
}

/** The percentage that a line of ninja's own output stands for, where it is one. */
export function readNinjaProgress(line: string): number | undefined {
  const counts = /^\[(\d+)\/(\d+)\]/.exec(line);
  return counts ? Math.floor((Number(counts[1]) * 100) / Number(counts[2])) : undefined;
}
