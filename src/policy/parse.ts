import { bridgeOrigin, overlap, type Prefix, parseInstant, parsePrefix } from './address.ts';
import { COUNTRIES, meantCountry } from './countries.ts';
import type { Admits, Datacenter, Fault, Policy, Positions, Region, Route } from './model.ts';
import { checkName, Reader, type Text } from './reader.ts';
import { didYouMean } from './suggest.ts';
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
    return { ok: false, faults: [{ file, line: 1, column: 1, code: 'binary', message: 'not UTF-8 text' }] };
  }
  return parsePolicy(text, file);
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
      const reader = new PolicyReader();
      const policy = reader.policy(tree.root);
      remarks = reader.remarks;
      if (policy !== null && remarks.length === 0) {
        const positions = positionsOf(file, lines, tree.root);
        return { ok: true, policy, positions, warnings: warningsOf(policy, positions) };
      }
    } else if (tree.root !== null) {
      // The document's own faults do not hide those of its content.
      const reader = new PolicyReader();
      reader.policy(tree.root);
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
const REGION = { required: ['countries', 'admits'], optional: ['confined'] } as const;
const DATACENTER = { required: ['region', 'url'], optional: ['weight', 'key', 'media'] } as const;
const ROUTE = { required: ['primaries'], optional: ['secondaries'] } as const;
const ENROLMENT_KEY = /^[\x20-\x7e\r\n]{1,4096}$/;
const MAX_WEIGHT = 1_000_000;

class PolicyReader extends Reader {
  #regionNames: ReadonlySet<string> = new Set();
  #datacenterNames: ReadonlySet<string> = new Set();

  /** Null, or a policy that is only to be used when there are no remarks. */
  policy(root: Tree): Policy | null {
    const top = this.record<(typeof TOP.required)[number] | (typeof TOP.optional)[number]>(
      root,
      0,
      'a policy',
      TOP,
    );
    if (top === null) return null;
    this.#regionNames = namesOf(top.get('regions'));
    this.#datacenterNames = namesOf(top.get('datacenters'));
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
      regions: this.#regions(top.get('regions')),
      datacenters: this.#datacenters(top.get('datacenters')),
      routes: this.#routes(top.get('routes')),
      unknown: this.#unknown(top.get('unknown')),
      conflict: this.#conflict(top.get('conflict')),
      closed: this.#closed(top.get('closed')),
      expires: this.#expires(top.get('expires')),
    };
  }

  #section<T>(
    entry: Entry | undefined,
    what: string,
    read: (name: string, entry: Entry) => T | null,
  ): Map<string, T> {
    const found = new Map<string, T>();
    if (entry === undefined) return found;
    for (const [name, inner] of this.map(entry.value, what)?.entries ?? []) {
      const value = read(name, inner);
      if (value !== null) found.set(name, value);
    }
    return found;
  }

  /** Remarks unless `text` is a defined name. */
  #defined(text: Text, kind: 'region' | 'datacenter'): void {
    const names = kind === 'region' ? this.#regionNames : this.#datacenterNames;
    if (!names.has(text.value)) {
      this.remark(
        text.at,
        `undefined-${kind}`,
        `the ${kind} "${text.value}" is not defined${didYouMean(text.value, names)}`,
      );
    }
  }

  /** Strings of a list, each once. */
  #each(texts: readonly Text[], code: string, what: string): string[] {
    const seen = new Set<string>();
    for (const { at, value } of texts) {
      if (seen.has(value)) this.remark(at, code, `"${value}" stands twice in ${what}`);
      seen.add(value);
    }
    return [...seen];
  }

  #regions(entry: Entry | undefined): Map<string, Region> {
    const countryOf = new Map<string, string>();
    const regions = this.#section(entry, '"regions"', (name, { at, value }) => {
      checkName(this, name, at, 'the region');
      const what = `region ${name}`;
      const record = this.record<'countries' | 'admits' | 'confined'>(value, at, what, REGION);
      if (record === null) return null;
      const countries = record.get('countries');
      const admits = record.get('admits');
      const confined = record.get('confined');
      return {
        name,
        countries: countries === undefined ? [] : this.#countries(countries.value, name, countryOf),
        admits: admits === undefined ? [] : this.#admits(admits, name),
        confined: (confined && this.boolean(confined.value, `"confined" of ${what}`)) ?? false,
      };
    });
    if (entry?.value.kind === 'map' && entry.value.entries.size === 0) {
      this.remark(entry.at, 'no-regions', 'a policy has at least one region');
    }
    return regions;
  }

  #countries(tree: Tree, region: string, countryOf: Map<string, string>): string[] {
    const texts = this.strings(tree, `"countries" of region ${region}`) ?? [];
    for (const { at, value } of texts) {
      const other = countryOf.get(value);
      if (!COUNTRIES.has(value)) {
        const meant = meantCountry(value);
        const hint = meant === null ? '' : `; did you mean "${meant}"?`;
        this.remark(
          at,
          'country',
          `"${value}" is not an assigned ISO 3166-1 alpha-2 code in upper case${hint}`,
        );
      } else if (other !== undefined && other !== region) {
        this.remark(at, 'country-twice', `${value} stands in two regions: ${other} and ${region}`);
      }
      countryOf.set(value, other ?? region);
    }
    return this.#each(texts, 'country-twice', `the countries of region ${region}`);
  }

  #admits({ at, value }: Entry, region: string): Admits {
    const what = `"admits" of region ${region}`;
    if (value.kind === 'scalar') {
      if (value.value === 'any') return 'any';
      this.remark(value.at, 'admits', `${what} must be any or a list of regions`);
      return [];
    }
    const texts = this.strings(value, what);
    if (texts === null) return [];
    for (const text of texts) this.#defined(text, 'region');
    const admits = this.#each(texts, 'admits', what);
    if (admits.length === 0)
      this.remark(at, 'admits', `${what} is empty: it lists at least ${region} itself`);
    else if (!admits.includes(region)) this.remark(at, 'admits', `${what} lacks ${region} itself`);
    return admits;
  }

  #datacenters(entry: Entry | undefined): Map<string, Datacenter> {
    const origins = new Map<string, string>();
    const keys = new Map<string, string>();
    const media: { readonly datacenter: string; readonly region: string; readonly prefix: Prefix }[] = [];
    return this.#section(entry, '"datacenters"', (name, { at, value }) => {
      checkName(this, name, at, 'the datacenter');
      const what = `datacenter ${name}`;
      type Key = (typeof DATACENTER.required)[number] | (typeof DATACENTER.optional)[number];
      const record = this.record<Key>(value, at, what, DATACENTER);
      if (record === null) return null;
      const read = <T>(key: Key, take: (tree: Tree, what: string) => T): T | undefined => {
        const found = record.get(key);
        return found === undefined ? undefined : take(found.value, `"${key}" of ${what}`);
      };
      const region = read('region', (tree, label) => this.string(tree, label));
      if (region) this.#defined(region, 'region');
      const url = read('url', (tree, label) => this.string(tree, label));
      if (url) this.#url(url, name, origins);
      const key = read('key', (tree, label) => this.string(tree, label)) ?? null;
      if (key !== null && !ENROLMENT_KEY.test(key.value)) {
        this.remark(key.at, 'key', `the enrolment key of ${what} must be printable ASCII`);
      }
      if (key !== null) this.#once(key, name, keys, 'key', 'the enrolment key');
      const weight = read('weight', (tree, label) =>
        this.number(tree, label, (n) => n > 0 && n <= MAX_WEIGHT, `above 0 and at most ${MAX_WEIGHT}`),
      );
      const prefixes = read('media', (tree, label) => this.strings(tree, label)) ?? [];
      for (const text of prefixes) this.#media(text, name, region?.value ?? '', media);
      return {
        name,
        region: region?.value ?? '',
        url: url?.value ?? '',
        weight: weight ?? 1,
        key: key?.value.trim() ?? null,
        media: this.#each(prefixes, 'media', `"media" of ${what}`),
      };
    });
  }

  #url(url: Text, datacenter: string, origins: Map<string, string>): void {
    const origin = bridgeOrigin(url.value);
    if (!origin.ok) this.remark(url.at, 'url', `the URL ${JSON.stringify(url.value)} ${origin.cause}`);
    else this.#once({ at: url.at, value: origin.origin }, datacenter, origins, 'url-twice', 'the URL');
  }

  /** A second datacenter with the same key or host is a way for one site to pass for another. */
  #once(text: Text, datacenter: string, seen: Map<string, string>, code: string, what: string): void {
    const normal = text.value.trim();
    const other = seen.get(normal);
    if (other === undefined) seen.set(normal, datacenter);
    else this.remark(text.at, code, `${what} of datacenter ${datacenter} is that of ${other} already`);
  }

  #media(
    text: Text,
    datacenter: string,
    region: string,
    seen: { readonly datacenter: string; readonly region: string; readonly prefix: Prefix }[],
  ): void {
    const prefix = parsePrefix(text.value);
    if (prefix === null) {
      this.remark(
        text.at,
        'media',
        `"${text.value}" is not an address prefix such as 203.0.113.0/24 or 2001:db8::/32`,
      );
      return;
    }
    const other = seen.find((s) => s.region !== region && overlap(s.prefix, prefix));
    if (other !== undefined) {
      this.remark(
        text.at,
        'media',
        `${text.value} overlaps media of datacenter ${other.datacenter} in another region`,
      );
    }
    seen.push({ datacenter, region, prefix });
  }

  #routes(entry: Entry | undefined): Map<string, Route> {
    return this.#section(entry, '"routes"', (name, { at, value }) => {
      this.#defined({ at, value: name }, 'region');
      const what = `the route of ${name}`;
      const record = this.record<'primaries' | 'secondaries'>(value, at, what, ROUTE);
      if (record === null) return null;
      const lists = (['primaries', 'secondaries'] as const).map((key) => {
        const found = record.get(key);
        const texts = found === undefined ? [] : (this.strings(found.value, `"${key}" of ${what}`) ?? []);
        if (key === 'primaries' && found?.value.kind === 'seq' && found.value.items.length === 0) {
          this.remark(found.at, 'no-primaries', `${what} has no primaries`);
        }
        for (const text of texts) this.#defined(text, 'datacenter');
        return texts;
      });
      this.#each(lists.flat(), 'datacenter-twice', what);
      const [primaries = [], secondaries = []] = lists.map((texts) => texts.map((text) => text.value));
      return { region: name, primaries, secondaries };
    });
  }

  #unknown(entry: Entry | undefined): string | null {
    if (entry === undefined) return null;
    const text = this.string(entry.value, '"unknown"');
    if (text === null || text.value === 'refuse') return null;
    this.#defined(text, 'region');
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
      `"conflict" must be both or refuse${didYouMean(text.value, ['both', 'refuse'])}`,
    );
    return 'refuse';
  }

  #closed(entry: Entry | undefined): string[] {
    if (entry === undefined) return [];
    const texts = this.strings(entry.value, '"closed"') ?? [];
    for (const text of texts) this.#defined(text, 'datacenter');
    return this.#each(texts, 'datacenter-twice', '"closed"');
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

function namesOf(entry: Entry | undefined): ReadonlySet<string> {
  return new Set(entry?.value.kind === 'map' ? entry.value.entries.keys() : []);
}
