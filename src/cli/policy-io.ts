import { styleText } from 'node:util';
import type { Fault, Policy, Positions } from '../policy/model.ts';
import { parsePolicyBytes } from '../policy/parse.ts';
import { LIMITS } from '../policy/tree.ts';
import { readAtMost } from './read-file.ts';

/** Where a command writes, so that tests can read it. */
export interface Io {
  out(text: string): void;
  err(text: string): void;
  /** Whether each is a terminal that wants colours. */
  readonly color: { readonly out: boolean; readonly err: boolean };
  /** Sets the exit code; the process ends when everything is written. */
  exit(code: number): void;
  /** Ends the command now: a wrong call, or help was shown. */
  abort(code: number): never;
}

export const processIo: Io = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  color: { out: wantsColor(process.stdout), err: wantsColor(process.stderr) },
  exit: (code) => {
    process.exitCode = code;
  },
  abort: (code) => process.exit(code),
};

/** A terminal that has colours, and whose user has not declined them (NO_COLOR, TERM=dumb). */
function wantsColor(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY && stream.hasColors();
}

/** Exit codes of the policy commands (section 8 of the design). */
export const EXIT = { ok: 0, violation: 1, notPolicy: 2, wider: 3 } as const;

export interface LoadedPolicy {
  readonly policy: Policy;
  readonly positions: Positions;
  readonly warnings: readonly Fault[];
}

export type Loaded =
  | ({ readonly ok: true } & LoadedPolicy)
  | { readonly ok: false; readonly faults: readonly Fault[] };

/** Reads and parses a file; one that cannot be read is a fault at 1:1. */
export function loadPolicy(file: string): Loaded {
  let bytes: Uint8Array;
  try {
    const read = readAtMost(file, LIMITS.text * 4);
    if (read === null) return unreadable(file, `larger than ${LIMITS.text} characters`);
    bytes = read;
  } catch (error) {
    return unreadable(file, `cannot be read: ${error instanceof Error ? error.message : 'unknown'}`);
  }
  return parsePolicyBytes(bytes, file);
}

function unreadable(file: string, message: string): Loaded {
  return { ok: false, faults: [faultOf(file, 'unreadable', message)] };
}

/** What is wrong with a file as a whole, or with what was asked of it. */
export function faultOf(file: string, code: string, message: string): Fault {
  return { file, line: 1, column: 1, code, message };
}

/** `FILE:LINE:COL: message`, on one line: what a document brings along can neither end it nor steer a terminal. */
export function faultLine({ file, line, column, message }: Fault): string {
  return `${printable(`${file}:${line}:${column}: ${message}`)}\n`;
}

/** Control characters and direction overrides as escapes. */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Warnings go to stderr: stdout has what decides the exit code. */
export function printWarnings(io: Io, warnings: readonly Fault[]): void {
  for (const warning of warnings) io.err(faultLine({ ...warning, message: `warning: ${warning.message}` }));
}

/** The loaded policy, or null after its faults are printed and the exit code is set. */
export function loadOrReport(io: Io, file: string, json: boolean): LoadedPolicy | null {
  const loaded = loadPolicy(file);
  if (loaded.ok) {
    printWarnings(io, loaded.warnings);
    return loaded;
  }
  if (json) printJson(io, { exit: EXIT.notPolicy, status: 'not-a-policy', file, faults: loaded.faults });
  else for (const fault of loaded.faults) io.out(faultLine(fault));
  io.exit(EXIT.notPolicy);
  return null;
}

export function printJson(io: Io, value: unknown): void {
  io.out(`${JSON.stringify(value, null, 2)}\n`);
}

type Style = 'red' | 'green' | 'yellow' | 'bold' | 'dim';

/** Text for stdout (or, if said so, stderr), coloured where that is a terminal that wants it. */
export function paint(io: Io, style: Style, text: string, where: 'out' | 'err' = 'out'): string {
  return io.color[where] ? styleText(style, text, { validateStream: false }) : text;
}

/** `1 entry`, `2 entries`. */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}
