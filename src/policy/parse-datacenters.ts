import { bridgeOrigin, firstOverlaps, type Prefix, parsePrefix } from './address.ts';
import type { Datacenter } from './model.ts';
import type { NamedReader } from './named-reader.ts';
import { checkName, type Text } from './reader.ts';
import type { Entry, Tree } from './tree.ts';

const DATACENTER = { required: ['region', 'url'], optional: ['weight', 'key', 'media'] } as const;
const ENROLMENT_KEY = /^[\x20-\x7e\r\n]{1,4096}$/;
const MAX_WEIGHT = 1_000_000;
const MAX_DATACENTERS = 10_000;

interface Media {
  readonly text: Text;
  readonly datacenter: string;
  readonly region: string;
  readonly prefix: Prefix;
}

/** The section `datacenters`. */
export function readDatacenters(reader: NamedReader, entry: Entry | undefined): Map<string, Datacenter> {
  const origins = new Map<string, string>();
  const keys = new Map<string, string>();
  const media: Media[] = [];
  const datacenters = reader.section(entry, '"datacenters"', MAX_DATACENTERS, (name, { at, value }) => {
    checkName(reader, name, at, 'the datacenter');
    const what = `datacenter ${name}`;
    type Key = (typeof DATACENTER.required)[number] | (typeof DATACENTER.optional)[number];
    const record = reader.record<Key>(value, at, what, DATACENTER);
    if (record === null) return null;
    const read = <T>(key: Key, take: (tree: Tree, what: string) => T): T | undefined => {
      const found = record.get(key);
      return found === undefined ? undefined : take(found.value, `"${key}" of ${what}`);
    };
    const region = read('region', (tree, label) => reader.string(tree, label));
    if (region) reader.defined(region, 'region');
    const url = read('url', (tree, label) => reader.string(tree, label));
    if (url) readUrl(reader, url, name, origins);
    const key = read('key', (tree, label) => reader.string(tree, label)) ?? null;
    if (key !== null && !ENROLMENT_KEY.test(key.value)) {
      reader.remark(key.at, 'key', `the enrolment key of ${what} must be printable ASCII`);
    }
    if (key !== null) once(reader, key, name, keys, 'key', 'the enrolment key');
    const weight = read('weight', (tree, label) =>
      reader.number(tree, label, (n) => n > 0 && n <= MAX_WEIGHT, `above 0 and at most ${MAX_WEIGHT}`),
    );
    const prefixes = read('media', (tree, label) => reader.strings(tree, label)) ?? [];
    for (const text of prefixes) media.push(...readMedia(reader, text, name, region?.value ?? ''));
    return {
      name,
      region: region?.value ?? '',
      url: url?.value ?? '',
      weight: weight ?? 1,
      key: key?.value.trim() ?? null,
      media: reader.each(prefixes, 'media', `"media" of ${what}`),
    };
  });
  remarkOverlaps(reader, media);
  return datacenters;
}

function readUrl(reader: NamedReader, url: Text, datacenter: string, origins: Map<string, string>): void {
  const origin = bridgeOrigin(url.value);
  if (!origin.ok) reader.remark(url.at, 'url', `the URL ${JSON.stringify(url.value)} ${origin.cause}`);
  else once(reader, { at: url.at, value: origin.origin }, datacenter, origins, 'url-twice', 'the URL');
}

/** A second datacenter with the same key or host is a way for one site to pass for another. */
function once(
  reader: NamedReader,
  text: Text,
  datacenter: string,
  seen: Map<string, string>,
  code: string,
  what: string,
): void {
  const normal = text.value.trim();
  const other = seen.get(normal);
  if (other === undefined) seen.set(normal, datacenter);
  else reader.remark(text.at, code, `${what} of datacenter ${datacenter} is that of ${other} already`);
}

function readMedia(reader: NamedReader, text: Text, datacenter: string, region: string): Media[] {
  const prefix = parsePrefix(text.value);
  if (prefix !== null) return [{ text, datacenter, region, prefix }];
  const message = `"${text.value}" is not an address prefix such as 203.0.113.0/24 or 2001:db8::/32`;
  reader.remark(text.at, 'media', message);
  return [];
}

/** Within a region sites may share addresses; across a fence they may not. */
function remarkOverlaps(reader: NamedReader, media: readonly Media[]): void {
  for (const [one, other] of firstOverlaps(media, (a, b) => a.region !== b.region)) {
    const [first, later] = one.text.at < other.text.at ? [one, other] : [other, one];
    const message = `${later.text.value} overlaps media of datacenter ${first.datacenter} in another region`;
    reader.remark(later.text.at, 'media', message);
  }
}
