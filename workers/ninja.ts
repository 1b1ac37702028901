import type { Recipe } from './recipe.ts';

/** The text of a build.ninja that compiles the sources and links them; all paths are relative to its folder. */
export function ninjaFile(recipe: Recipe, sources: readonly string[], binary: string): string {
  const objects = sources.map((source) => `obj/${source.replaceAll('/', '_')}.o`);
  return [
    'ninja_required_version = 1.8',
    `flags = ${recipe.compileFlags.join(' ')}`,
    'rule header',
    '  command = g++ $flags -x c++-header $in -o $out',
    'rule compile',
    '  command = g++ $flags -include pch.hpp -c $in -o $out',
    'rule link',
    `  command = g++ -o $out @$out.objects ${recipe.linkFlags.join(' ')}`,
    '  rspfile = $out.objects',
    '  rspfile_content = $in',
    'build pch.hpp.gch: header pch.hpp',
    ...sources.map((source, i) => `build ${objects[i]}: compile ${source} | pch.hpp.gch`),
    `build ${binary}: link ${objects.join(' ')}`,
    `default ${binary}`,
    '',
  ].join('\n');
}

/** The percentage that a line of ninja's own output stands for, where it is one. */
export function readNinjaProgress(line: string): number | undefined {
  const counts = /^\[(\d+)\/(\d+)\]/.exec(line);
  return counts ? Math.floor((Number(counts[1]) * 100) / Number(counts[2])) : undefined;
}
