/** A change to one file, from a unified diff. */
export interface FilePatch {
  /** Path inside the worker's folder, without the `b/` of the diff. */
  readonly path: string;
  /** The file is made by the patch. */
  readonly creates: boolean;
  readonly hunks: readonly Hunk[];
}

interface Hunk {
  /** 1-based line of the original where the hunk begins. */
  readonly start: number;
  readonly before: readonly string[];
  readonly after: readonly string[];
}

/** What a patch file says before its diff: why it exists. */
export function patchReason(text: string): string {
  const diff = text.search(/^--- /m);
  return (diff < 0 ? text : text.slice(0, diff)).trim();
}

/** Parses a unified diff that changes or makes files; anything else in it is an error. */
export function parsePatch(text: string): FilePatch[] {
  if (patchReason(text) === '') throw new Error('the patch does not say why it exists');
  const lines = text.split('\n');
  const files: { path: string; creates: boolean; hunks: Hunk[] }[] = [];
  let i = lines.findIndex((line) => line.startsWith('--- '));
  if (i < 0) throw new Error('the patch holds no diff');
  while (i < lines.length) {
    const line = lines[i] ?? '';
    if (line.startsWith('--- ')) {
      const path = /^\+\+\+ b\/([^\t]+)/.exec(lines[i + 1] ?? '')?.[1];
      if (path === undefined || path.split('/').includes('..'))
        throw new Error(`unusable file header: ${line}`);
      files.push({ path, creates: line === '--- /dev/null', hunks: [] });
      i += 2;
    } else if (line.startsWith('@@ ')) {
      const read = readHunk(lines, i);
      const file = files.at(-1);
      if (!file) throw new Error('a hunk before any file header');
      file.hunks.push(read.hunk);
      i = read.next;
    } else if (line === '') {
      i += 1;
    } else {
      throw new Error(`unexpected line in a patch: ${line}`);
    }
  }
  const empty = files.find((f) => f.hunks.length === 0);
  if (empty) throw new Error(`no hunk for ${empty.path}`);
  return files;
}

function readHunk(lines: readonly string[], at: number): { hunk: Hunk; next: number } {
  const header = /^@@ -(\d+)(?:,(\d+))? \+\d+(?:,(\d+))? @@/.exec(lines[at] ?? '');
  if (!header) throw new Error(`unusable hunk header: ${lines[at]}`);
  const beforeCount = Number(header[2] ?? 1);
  const afterCount = Number(header[3] ?? 1);
  const before: string[] = [];
  const after: string[] = [];
  let i = at + 1;
  while (before.length < beforeCount || after.length < afterCount) {
    const line = lines[i];
    if (line === undefined) throw new Error(`a hunk ends early: ${lines[at]}`);
    const rest = line.slice(1);
    if (line.startsWith('-')) before.push(rest);
    else if (line.startsWith('+')) after.push(rest);
    else if (line.startsWith(' ') || line === '') {
      before.push(rest);
      after.push(rest);
    } else throw new Error(`unexpected line in a hunk: ${line}`);
    i += 1;
  }
  if (before.length !== beforeCount || after.length !== afterCount) {
    throw new Error(`a hunk's counts do not fit its lines: ${lines[at]}`);
  }
  return { hunk: { start: Number(header[1]), before, after }, next: i };
}

/**
 * Applies the hunks to a file's text, or makes the text of a file that is not there. The context must match exactly where the hunk says: after a version
 * bump, a patch that no longer fits is looked at by a person and not guessed into place.
 */
export function applyPatch(text: string | undefined, patch: FilePatch): string {
  if (patch.creates !== (text === undefined)) {
    throw new Error(`${patch.path} ${patch.creates ? 'is there already' : 'does not exist'}`);
  }
  if (text === undefined) return `${patch.hunks.flatMap((hunk) => hunk.after).join('\n')}\n`;
  const lines = text.split('\n');
  // From the last to the first, so that earlier line numbers stay true.
  for (const hunk of [...patch.hunks].sort((a, b) => b.start - a.start)) {
    const at = hunk.before.length === 0 ? hunk.start : hunk.start - 1;
    hunk.before.forEach((expected, offset) => {
      if (lines[at + offset] !== expected) {
        throw new Error(`${patch.path}:${at + offset + 1} is not what the patch expects: ${expected.trim()}`);
      }
    });
    lines.splice(at, hunk.before.length, ...hunk.after);
  }
  return lines.join('\n');
}
