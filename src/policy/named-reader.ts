import { Reader, type Text } from './reader.ts';
import type { Entry } from './tree.ts';

/** A reader that knows which names the document defines, so that every use of one can be judged where it stands. */
export class NamedReader extends Reader {
  /** Null where the section is not there, or no map: that is remarked on, and every use of a name is not. */
  readonly #regions: ReadonlySet<string> | null;
  readonly #datacenters: ReadonlySet<string> | null;

  /** Takes the sections that define the names, wherever in the document they stand. */
  constructor(regions: Entry | undefined, datacenters: Entry | undefined) {
    super();
    this.#regions = namesOf(regions);
    this.#datacenters = namesOf(datacenters);
  }

  /** The entries of a section, by name; those that `read` gives null for are left out. */
  section<T>(
    entry: Entry | undefined,
    what: string,
    most: number,
    read: (name: string, entry: Entry) => T | null,
  ): Map<string, T> {
    const found = new Map<string, T>();
    const entries = entry === undefined ? undefined : this.map(entry.value, what)?.entries;
    if (entry === undefined || entries === undefined) return found;
    if (entries.size > most) {
      this.remark(entry.at, 'too-many', `${what} has ${entries.size} entries, and may have ${most}`);
      return found;
    }
    for (const [name, inner] of entries) {
      const value = read(name, inner);
      if (value !== null) found.set(name, value);
    }
    return found;
  }

  /** Remarks unless `text` is a defined name. */
  defined(text: Text, kind: 'region' | 'datacenter'): void {
    const names = kind === 'region' ? this.#regions : this.#datacenters;
    if (names === null || names.has(text.value)) return;
    const hint = this.hint(text.value, names);
    this.remark(text.at, `undefined-${kind}`, `the ${kind} "${text.value}" is not defined${hint}`);
  }

  /** Strings of a list, each once. */
  each(texts: readonly Text[], code: string, what: string): string[] {
    const seen = new Set<string>();
    for (const { at, value } of texts) {
      if (seen.has(value)) this.remark(at, code, `"${value}" stands twice in ${what}`);
      seen.add(value);
    }
    return [...seen];
  }
}

function namesOf(entry: Entry | undefined): ReadonlySet<string> | null {
  return entry?.value.kind === 'map' ? new Set(entry.value.entries.keys()) : null;
}
