import { parseInstant } from './address.ts';
import type { Fault, Policy, Position, Positions, Route } from './model.ts';
import { NamedReader } from './named-reader.ts';
import { readDatacenters } from './parse-datacenters.ts';
import { MAX_REGIONS, readRegions } from './parse-regions.ts';
import { checkName } from './reader.ts';
import { type Entry, Lines, positionsOf, type Remark, readTree, type Tree, toFaults } from './tree.ts';
import { warningsOf } from './warnings.ts';

/** Either a policy and where its parts stand, or every reason why the file is not one. */
export type Parsed =
  | {
      readonly ok: true;
      readonly policy: Policy;
      readonly positions: Positions;
      readonly warnings: readonly Fault[];
    }
  | { readonly ok: false; readonly faults: readonly Fault[] };

/** Reads bytes as UTF-8 and then as a policy. `file` is only named in findings. */
export function parsePolicyBytes(bytes: Uint8Array, file: string): Parsed {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return { ok: false, faults: [{ file, ...notUtf8(bytes), code: 'binary', message: 'not UTF-8 text' }] };
  }
  return parsePolicy(text, file);
}

/** Where the first byte stands that is no UTF-8: read leniently, the first replacement that is not in the text itself. */
function notUtf8(bytes: Uint8Array): Position {
  const lenient = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  const encoder = new TextEncoder();
  let [from, read] = [0, 0];
  for (let at = lenient.indexOf('\ufffd'); at !== -1; at = lenient.indexOf('\ufffd', at + 1)) {
    read += encoder.encode(lenient.slice(from, at)).length;
    if (bytes[read] !== 0xef || bytes[read + 1] !== 0xbf || bytes[read + 2] !== 0xbd) {
      return new Lines(lenient).at(at);
    }
    [from, read] = [at + 1, read + 3];
  }
  return { line: 1, column: 1 };
}

/**
 * Parses one YAML 1.2 document into a policy. Never throws: what cannot be read is a fault, and all faults are
 * given, in the order of the document. Whether the policy *holds* is `check`'s question, not this one's.
 */
export function parsePolicy(text: string, file: string): Parsed {
  const lines = new Lines(text);
  let remarks: readonly Remark[];
  try {
    const tree = readTree(text);
    remarks = tree.remarks;
    if (tree.root !== null && remarks.length === 0) {
      const reader = new PolicyReader(tree.root);
      const policy = reader.policy();
      remarks = reader.remarks;
      if (policy !== null && remarks.length === 0) {
        const positions = positionsOf(file, lines, tree.root);
        return { ok: true, policy, positions, warnings: warningsOf(policy, positions) };
      }
    } else if (tree.root !== null) {
      // The document's own faults do not hide those of its content.
      const reader = new PolicyReader(tree.root);
      reader.policy();
      remarks = [...remarks, ...reader.remarks];
    }
  } catch (error) {
    // The YAML parser is not ours: whatever it throws, the file was not read, and is refused.
    const message = `cannot be read: ${error instanceof Error ? error.message : 'unknown'}`;
    return { ok: false, faults: [{ file, line: 1, column: 1, code: 'unreadable', message }] };
  }
  return { ok: false, faults: toFaults(file, lines, remarks) };
}

const TOP = {
  required: ['version', 'cloud', 'regions', 'datacenters', 'routes'],
  optional: ['unknown', 'conflict', 'closed', 'expires'],
} as const;
const ROUTE = { required: ['primaries'], optional: ['secondaries'] } as const;

class PolicyReader extends NamedReader {
  readonly #root: Tree;

  constructor(root: Tree) {
    const entries = root.kind === 'map' ? root.entries : undefined;
    super(entries?.get('regions'), entries?.get('datacenters'));
    this.#root = root;
  }

  /** Null, or a policy that is only to be used when there are no remarks. */
  policy(): Policy | null {
    const top = this.record<(typeof TOP.required)[number] | (typeof TOP.optional)[number]>(
      this.#root,
      0,
      'a policy',
      TOP,
    );
    if (top === null) return null;
    const version = top.get('version');
    const cloud = top.get('cloud');
    const cloudName = cloud === undefined ? null : this.string(cloud.value, '"cloud"');
    if (cloudName !== null) checkName(this, cloudName.value, cloudName.at, 'the cloud');
    return {
      version:
        (version &&
          this.number(
            version.value,
            '"version"',
            (n) => Number.isSafeInteger(n) && n >= 1,
            'a whole number from 1',
          )) ??
        0,
      cloud: cloudName?.value ?? '',
      regions: readRegions(this, top.get('regions')),
      datacenters: readDatacenters(this, top.get('datacenters')),
      routes: this.#routes(top.get('routes')),
      unknown: this.#unknown(top.get('unknown')),
      conflict: this.#conflict(top.get('conflict')),
      closed: this.#closed(top.get('closed')),
      expires: this.#expires(top.get('expires')),
    };
  }

  #routes(entry: Entry | undefined): Map<string, Route> {
    return this.section(entry, '"routes"', MAX_REGIONS, (name, { at, value }) => {
      this.defined({ at, value: name }, 'region');
      const what = `the route of ${name}`;
      const record = this.record<'primaries' | 'secondaries'>(value, at, what, ROUTE);
      if (record === null) return null;
      const lists = (['primaries', 'secondaries'] as const).map((key) => {
        const found = record.get(key);
        const texts = found === undefined ? [] : (this.strings(found.value, `"${key}" of ${what}`) ?? []);
        if (key === 'primaries' && found?.value.kind === 'seq' && found.value.items.length === 0) {
          this.remark(found.at, 'no-primaries', `${what} has no primaries`);
        }
        for (const text of texts) this.defined(text, 'datacenter');
        return texts;
      });
      this.each(lists.flat(), 'datacenter-twice', what);
      const [primaries = [], secondaries = []] = lists.map((texts) => texts.map((text) => text.value));
      return { region: name, primaries, secondaries };
    });
  }

  #unknown(entry: Entry | undefined): string | null {
    if (entry === undefined) return null;
    const text = this.string(entry.value, '"unknown"');
    if (text === null || text.value === 'refuse') return null;
    this.defined(text, 'region');
    return text.value;
  }

  #conflict(entry: Entry | undefined): 'both' | 'refuse' {
    if (entry === undefined) return 'both';
    const text = this.string(entry.value, '"conflict"');
    if (text === null || text.value === 'both' || text.value === 'refuse')
      return text?.value === 'both' ? 'both' : 'refuse';
    this.remark(
      text.at,
      'type',
      `"conflict" must be both or refuse${this.hint(text.value, ['both', 'refuse'])}`,
    );
    return 'refuse';
  }

  #closed(entry: Entry | undefined): string[] {
    if (entry === undefined) return [];
    const texts = this.strings(entry.value, '"closed"') ?? [];
    for (const text of texts) this.defined(text, 'datacenter');
    return this.each(texts, 'datacenter-twice', '"closed"');
  }

  #expires(entry: Entry | undefined): number | null {
    if (entry === undefined) return null;
    const text = this.string(entry.value, '"expires"');
    const instant = text === null ? null : parseInstant(text.value);
    if (text !== null && instant === null) {
      this.remark(
        text.at,
        'type',
        '"expires" must be a date and time with a zone, such as 2027-06-30T00:00:00Z',
      );
    }
    return instant;
  }
}
