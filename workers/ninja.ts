import type { Recipe } from './recipe.ts';

/** One executable and its C++ sources, by paths relative to the build's folder. */
export interface Program {
  readonly binary: string;
  readonly sources: readonly string[];
}

/** What is compiled. */
export interface NinjaInput {
  readonly programs: readonly Program[];
  /** libsrtp, in C, which every program is linked with; without it the system's is. */
  readonly libsrtp?: { readonly sources: readonly string[]; readonly version: string } | undefined;
}

/** The text of a build.ninja that compiles the sources and links the programs. */
export function ninjaFile(recipe: Recipe, { programs, libsrtp }: NinjaInput): string {
  const sources = new Set(programs.flatMap((program) => program.sources));
  const object = (source: string): string => `obj/${source.replaceAll('/', '_')}.o`;
  const library = (libsrtp?.sources ?? []).map(object);
  const faster = libsrtp !== undefined && recipe.ipsecMb !== undefined;
  const linked = [
    ...(libsrtp ? [] : ['-lsrtp2']),
    ...recipe.linkFlags,
    // Statically, so that who runs workers needs no package more.
    ...(faster ? ['-l:libIPSec_MB.a'] : []),
  ];
  return [
    'ninja_required_version = 1.8',
    `flags = ${recipe.compileFlags.join(' ')}`,
    `cflags = ${recipe.cFlags.join(' ')}${faster ? ' -DIPSEC_MB' : ''} -DPACKAGE_VERSION='"${libsrtp?.version ?? ''}"'`,
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
    ...[...sources].map((source) => `build ${object(source)}: compile ${source} | pch.hpp.gch`),
    ...(libsrtp?.sources ?? []).map((source) => `build ${object(source)}: compile_c ${source}`),
    ...programs.map((program) => {
      // The lists of meson name a file twice where upstream does.
      const objects = [...new Set(program.sources)].map(object);
      return `build ${program.binary}: link ${[...objects, ...library].join(' ')}`;
    }),
    `default ${programs.map((program) => program.binary).join(' ')}`,
    '',
  ].join('\n');
}

/** The percentage that a line of ninja's own output stands for, where it is one. */
export function readNinjaProgress(line: string): number | undefined {
  const counts = /^\[(\d+)\/(\d+)\]/.exec(line);
  return counts ? Math.floor((Number(counts[1]) * 100) / Number(counts[2])) : undefined;
}
