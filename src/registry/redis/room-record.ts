import { z } from 'zod';
import { nodeKey } from '../../policy/node-key.ts';
import { MAX_REGIONS } from '../../policy/parse-regions.ts';
import { type NodeRef, nodeOfPart, type RoomHost, type RoomRecord } from '../port.ts';
import { MAX_EPOCH } from './bounds.ts';

const PART = 'n:';
const ALL = '*';

const name = z.string().max(64);
const names = z.array(name).max(MAX_REGIONS);
const hostSchema = z.strictObject({
  node: name,
  nodeEpoch: z.int().nonnegative(),
  datacenter: name,
  homes: z.array(z.strictObject({ home: name, count: z.int().nonnegative() })).max(MAX_REGIONS),
  evidence: names,
  moves: z.boolean().exactOptional(),
}) satisfies z.ZodType<RoomHost>;

/** How a room stands in Redis: the fields of a hash. */

export function partField(node: NodeRef): string {
  return PART + nodeKey(node);
}

export function writePart(host: RoomHost | null): string {
  return host === null ? '' : JSON.stringify(host);
}

export function writeRegions(regions: readonly string[] | null): string {
  return regions === null ? ALL : regions.join(',');
}

/** Fields and values, one after another. A part that cannot be read is left out; an epoch that is none is 0. */
export function readRoom(fields: readonly string[]): RoomRecord {
  let epoch = 0;
  let regions: string[] | null = null;
  const hosts: RoomHost[] = [];
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const [field = '', value = ''] = fields.slice(i, i + 2);
    if (field === 'epoch') epoch = readEpoch(value);
    else if (field === 'regions') regions = value.split(',').filter((region) => region !== '');
    else if (field.startsWith(PART)) {
      const host = readPart(value);
      if (host !== null && partField(nodeOfPart(host)) === field) hosts.push(host);
    }
  }
  hosts.sort((a, b) => (partField(nodeOfPart(a)) < partField(nodeOfPart(b)) ? -1 : 1));
  return { epoch, hosts, regions };
}

/** As the scripts read it, or what is claimed on it would never match. */
function readEpoch(text: string): number {
  const epoch = /^\d+$/.test(text) ? Number(text) : 0;
  return epoch <= MAX_EPOCH ? epoch : 0;
}

function readPart(text: string): RoomHost | null {
  try {
    return hostSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
