import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The string literals that a meson file assigns or appends to a variable at top level or within a condition,
 * in order. Only the two forms that mediasoup uses, `name = [ … ]` and `name += [ … ]`, are understood, and an
 * entry that is no plain string throws, so a new form is noticed and not skipped.
 */
export function mesonList(text: string, name: string): { value: string; condition: string | undefined }[] {
  const found: { value: string; condition: string | undefined }[] = [];
  const conditions: string[] = [];
  let open = false;
  for (const raw of text.split('\n')) {
    const line = stripComment(raw).trim();
    if (open) {
      open = !readEntries(line, conditions.at(-1), found);
      continue;
    }
    const condition = /^if\s+(.+)$/.exec(line)?.[1];
    if (condition !== undefined) conditions.push(condition);
    else if (/^el(se|if)\b/.test(line)) conditions.splice(-1, 1, `otherwise (${conditions.at(-1)})`);
    else if (line === 'endif') conditions.pop();
    else {
      const start = new RegExp(`^${name}\\s*\\+?=\\s*\\[(.*)$`).exec(line);
      if (start) open = !readEntries(start[1] ?? '', conditions.at(-1), found);
    }
  }
  if (open) throw new Error(`meson list ${name} does not end`);
  if (found.length === 0) throw new Error(`no meson list ${name}`);
  return found;
}

/** Reads one line of a list; true when it held the closing bracket. */
function readEntries(
  line: string,
  condition: string | undefined,
  into: { value: string; condition: string | undefined }[],
): boolean {
  const closed = line.endsWith(']');
  for (const part of (closed ? line.slice(0, -1) : line).split(',')) {
    const entry = part.trim();
    if (entry === '') continue;
    const value = /^'([^']+)'$/.exec(entry)?.[1];
    if (value === undefined) throw new Error(`unexpected entry in a meson list: ${entry}`);
    into.push({ value, condition });
  }
  return closed;
}

function stripComment(line: string): string {
  const hash = line.indexOf('#');
  return hash < 0 || line.slice(0, hash).split("'").length % 2 === 0 ? line : line.slice(0, hash);
}

const withoutBuiltinBwe = "not get_option('ms_use_builtin_bwe')";

/** Every source file of the executable, relative to the worker's folder, read from its meson files. */
export function workerSources(workerDir: string): string[] {
  const own = mesonList(readFileSync(join(workerDir, 'meson.build'), 'utf8'), 'common_sources');
  const libwebrtc = mesonList(
    readFileSync(join(workerDir, 'deps/libwebrtc/meson.build'), 'utf8'),
    'libwebrtc_sources',
  );
  const unknown = own.find((s) => s.condition !== undefined && s.condition !== withoutBuiltinBwe);
  if (unknown)
    throw new Error(`meson.build lists ${unknown.value} under a new condition: ${unknown.condition}`);
  return [...own.map((s) => s.value), 'src/main.cpp', ...libwebrtc.map((s) => `deps/libwebrtc/${s.value}`)];
}
