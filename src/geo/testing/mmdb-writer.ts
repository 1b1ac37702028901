import { BlockList, isIPv4, isIPv6 } from 'node:net';

/**
 * Writes small IP-to-country databases in the MaxMind DB format, version 2.0, for tests alone: an IPv6 tree with
 * IPv4 under ::/96, 24-bit records, and `{ country: { iso_code } }` (or any record given) as data.
 */

type Data = string | number | readonly Data[] | { readonly [key: string]: Data };

export interface MmdbOptions {
  /** Milliseconds since the epoch; now by default. */
  readonly builtAt?: number;
}

/** `entries`: network (`192.0.2.0/24`) to country code, or to a whole record. Longer prefixes win. */
export function mmdb(entries: Readonly<Record<string, Data>>, options: MmdbOptions = {}): Buffer {
  const tree = new Tree();
  const records = Object.entries(entries)
    .map(([network, data]) => ({ bits: prefixBits(network), data }))
    .sort((a, b) => a.bits.length - b.bits.length);
  const section = new DataSection();
  for (const { bits, data } of records) {
    tree.insert(bits, section.add(typeof data === 'string' ? { country: { iso_code: data } } : data));
  }
  const nodes = tree.number();
  const search = Buffer.alloc(nodes.length * 6);
  for (const [index, node] of nodes.entries()) {
    for (const side of [0, 1] as const) {
      search.writeUIntBE(recordOf(node.children[side], nodes.length), index * 6 + side * 3, 3);
    }
  }
  const metadata = encode({
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    build_epoch: Math.floor((options.builtAt ?? Date.now()) / 1000),
    database_type: 'Test-Country',
    description: { en: 'test' },
    ip_version: 6,
    languages: ['en'],
    node_count: nodes.length,
    record_size: 24,
  });
  return Buffer.concat([
    search,
    Buffer.alloc(16),
    section.bytes(),
    Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1'),
    metadata,
  ]);
}

/** A node of the tree, the offset of a record in the data section, or nothing. */
type Child = TreeNode | number | null;

interface TreeNode {
  index: number;
  children: [Child, Child];
}

class Tree {
  readonly #root: TreeNode = { index: 0, children: [null, null] };

  /** Shorter prefixes must come first. */
  insert(bits: readonly (0 | 1)[], offset: number): void {
    let node = this.#root;
    for (const [depth, bit] of bits.entries()) {
      if (depth === bits.length - 1) {
        node.children[bit] = offset;
        return;
      }
      const child = node.children[bit];
      // Below a shorter prefix, both halves have its record until told otherwise.
      const next: TreeNode =
        typeof child === 'object' && child !== null ? child : { index: 0, children: [child, child] };
      node.children[bit] = next;
      node = next;
    }
  }

  number(): TreeNode[] {
    const nodes = [this.#root];
    for (let i = 0; i < nodes.length; i++) {
      for (const child of nodes[i]?.children ?? []) {
        if (typeof child !== 'object' || child === null) continue;
        child.index = nodes.length;
        nodes.push(child);
      }
    }
    return nodes;
  }
}

function recordOf(child: Child, nodeCount: number): number {
  if (child === null) return nodeCount;
  return typeof child === 'number' ? nodeCount + 16 + child : child.index;
}

class DataSection {
  readonly #offsets = new Map<string, number>();
  readonly #parts: Buffer[] = [];
  #size = 0;

  add(data: Data): number {
    const key = JSON.stringify(data);
    let offset = this.#offsets.get(key);
    if (offset === undefined) {
      offset = this.#size;
      const bytes = encode(data);
      this.#parts.push(bytes);
      this.#size += bytes.length;
      this.#offsets.set(key, offset);
    }
    return offset;
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

/** Types: 2 UTF-8 string, 6 uint32, 7 map, 11 array (extended: type 0, then the type less 7). */
function encode(data: Data): Buffer {
  if (typeof data === 'string')
    return Buffer.concat([control(2, Buffer.byteLength(data)), Buffer.from(data)]);
  if (typeof data === 'number') {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(data);
    return Buffer.concat([control(6, 4), bytes]);
  }
  if (isList(data)) {
    return Buffer.concat([Buffer.from([data.length, 11 - 7]), ...data.map(encode)]);
  }
  const entries = Object.entries(data);
  return Buffer.concat([control(7, entries.length), ...entries.flat().map(encode)]);
}

function isList(data: Data): data is readonly Data[] {
  return Array.isArray(data);
}

function control(type: number, size: number): Buffer {
  if (size < 29) return Buffer.from([(type << 5) | size]);
  if (size < 29 + 256) return Buffer.from([(type << 5) | 29, size - 29]);
  throw new RangeError('too large for a test database');
}

/** The bits of a network in the IPv6 tree, most significant first. */
function prefixBits(network: string): (0 | 1)[] {
  const [address = '', length = ''] = network.split('/');
  const ipv4 = isIPv4(address);
  if (!ipv4 && !isIPv6(address)) throw new RangeError(`not a network: ${network}`);
  const bits = ipv4 ? 32 : 128;
  const count = length === '' ? bits : Number(length);
  // The list has the parser; the test database has small needs.
  new BlockList().addSubnet(address, count, ipv4 ? 'ipv4' : 'ipv6');
  const value = ipv4 ? ipv4Value(address) : ipv6Value(address);
  const all = value
    .toString(2)
    .padStart(128, '0')
    .slice(0, ipv4 ? 96 + count : count);
  return [...all].map((bit) => (bit === '1' ? 1 : 0));
}

function ipv4Value(address: string): bigint {
  return address.split('.').reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

function ipv6Value(address: string): bigint {
  const [head = '', tail = ''] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split('::');
  const groups = (half: string) => (half === '' ? [] : half.split(':'));
  const zeros = Array.from({ length: 8 - groups(head).length - groups(tail).length }, () => '0');
  return [...groups(head), ...zeros, ...groups(tail)].reduce(
    (value, group) => (value << 16n) | BigInt(`0x${group}`),
    0n,
  );
}
