import { z } from 'zod';
import { compilePolicy } from '../policy/compile.ts';
import { type Flip, type RecordedDecision, replay } from '../policy/replay.ts';
import {
  count,
  EXIT,
  faultLine,
  faultOf,
  type Io,
  loadOrReport,
  paint,
  printable,
  printJson,
} from './policy-io.ts';
import { linesOf } from './read-file.ts';

const record = z.object({
  step: z.string(),
  kind: z.enum(['admit', 'redirect', 'refuse', 'list']),
  code: z.string(),
  rule: z.string(),
  here: z.string(),
  home: z.string().nullable(),
  evidence: z.array(z.string()),
  regions: z.array(z.string()).nullable(),
  at: z.union([z.iso.datetime({ offset: true }), z.number()]).optional(),
});

/** A line of the node's log that holds a decision, or a decision alone. */
const line = z.union([z.object({ decision: record }).transform((l) => l.decision), record]);

/** Characters of a line; one that is longer is no decision record. */
const LONGEST_RECORD = 1024 * 1024;

interface Numbered {
  readonly line: number;
  readonly decision: RecordedDecision;
}

/** `policy replay DRAFT RECORDS`: which recorded decisions the draft would take otherwise (exit 0, 2, or 3 if any opens). */
export function runReplay(io: Io, file: string, records: string, { json }: { json: boolean }): void {
  const loaded = loadOrReport(io, file, json);
  if (loaded === null) return;
  const read = readRecords(records);
  if (typeof read === 'string') {
    if (json) printJson(io, { exit: EXIT.notPolicy, status: 'unreadable', faults: [read] });
    else io.out(faultLine(faultOf(records, 'unreadable', read)));
    io.exit(EXIT.notPolicy);
    return;
  }
  const result = replay(
    compilePolicy(loaded.policy),
    read.found.map((f) => f.decision),
  );
  const opening = result.flips.filter((f) => f.opens !== 'no');
  const exit = opening.length > 0 ? EXIT.wider : EXIT.ok;
  const lineOf = (flip: Flip) => read.found[flip.index]?.line ?? 0;
  if (json) {
    const flips = result.flips.map((flip) => ({ ...flip, line: lineOf(flip) }));
    printJson(io, { exit, judged: result.judged, skipped: result.skipped, otherLines: read.other, flips });
  } else {
    for (const flip of result.flips) {
      const { home, here, step } = read.found[flip.index]?.decision ?? { home: null, here: '', step: '' };
      const sign = flip.opens === 'no' ? '-' : '+';
      const perhaps = flip.opens === 'possibly' ? 'possibly ' : '';
      const who = `${step} of ${home ?? 'a session without a label'} at ${here || 'no datacenter'}`;
      const flipped = `${flip.from} → ${perhaps}${flip.to} (${flip.code})`;
      const text = printable(`${sign} ${records}:${lineOf(flip)}: ${who}: ${flipped}`);
      io.out(`${paint(io, flip.opens === 'no' ? 'green' : 'red', text)}\n`);
    }
    const flips = `${count(result.flips.length, 'flip')}, ${opening.length} of them opening`;
    io.out(
      `  ${count(result.judged, 'decision')} replayed, ${flips}; ${result.skipped + read.other} lines no policy decides\n`,
    );
  }
  io.exit(exit);
}

/** The decisions among the lines, and how many lines are none; or why the file cannot be read. */
function readRecords(file: string): { found: Numbered[]; other: number } | string {
  const found: Numbered[] = [];
  let other = 0;
  let number = 0;
  try {
    for (const raw of linesOf(file, LONGEST_RECORD)) {
      number++;
      if (raw.trim() === '') continue;
      const parsed = line.safeParse(parseJson(raw));
      if (!parsed.success) {
        other++;
        continue;
      }
      const { at } = parsed.data;
      const time = at === undefined ? null : typeof at === 'number' ? at : Date.parse(at);
      found.push({ line: number, decision: { ...parsed.data, at: time } });
    }
  } catch (error) {
    return `cannot be read: ${error instanceof Error ? error.message : 'unknown'}`;
  }
  return found.length === 0 && other > 0 ? 'no line of it is a decision record' : { found, other };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
