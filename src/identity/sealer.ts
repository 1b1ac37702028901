import { sign, verify } from 'node:crypto';
import { z } from 'zod';
import { nodeKey } from '../policy/node-key.ts';
import { CALL, MAX_CALLS, type NodeEntry, type NodeRecord } from '../registry/port.ts';
import {
  type CertificateFault,
  type Trust,
  type VerifiedCertificate,
  verifyNodeCertificate,
} from './certificate.ts';
import type { NodeIdentity } from './identity.ts';

/** Why a record is not believed: a closed set, for logs and metrics. */
export type RecordFault =
  | CertificateFault
  | 'record_malformed'
  /** The certificate or the content is that of another node, or of another datacenter, than where it stands. */
  | 'record_misplaced'
  | 'record_not_signed'
  /** Older than one of the same node that was seen before. */
  | 'record_replayed';

export type OpenedRecord =
  | { readonly ok: true; readonly record: NodeRecord }
  | { readonly ok: false; readonly reason: RecordFault };

/** How a node's record becomes what the registry carries, and back. */
export interface RecordSealer {
  seal(record: NodeRecord): string;
  /** Total. Remembers the newest record of each node that it opened, and refuses older ones. */
  open(entry: Pick<NodeEntry, 'id' | 'datacenter' | 'body'>): OpenedRecord;
}

/** Ours have some 1200. */
const MAX_BODY_CHARACTERS = 8192;
/** Remembered at once; those of a cloud's nodes by far. */
const MAX_CERTIFICATES = 20_000;
const FORMAT = 'watershed-node-1';

const recordSchema = z.strictObject({
  id: z.string().max(64),
  datacenter: z.string().max(63),
  url: z.string().max(512),
  link: z.string().max(300).nullable(),
  epoch: z.int().nonnegative(),
  sequence: z.int().nonnegative(),
  calls: z.array(z.string().regex(CALL)).max(MAX_CALLS),
  state: z.enum(['starting', 'ready', 'draining']),
  load: z.number(),
  accepting: z.boolean(),
  policy: z.string().max(128),
  version: z.string().max(64),
}) satisfies z.ZodType<NodeRecord>;

/** For the memory registry of a standalone node, which nobody else can write to. */
export function plainSealer(): RecordSealer {
  return {
    seal: (record) => JSON.stringify(record),
    open: ({ id, datacenter, body }) => {
      const record = parseRecord(body);
      if (record === null) return { ok: false, reason: 'record_malformed' };
      if (record.id !== id || record.datacenter !== datacenter)
        return { ok: false, reason: 'record_misplaced' };
      return { ok: true, record };
    },
  };
}

/**
 * Records signed by their node's key, with the certificate that the policy's enrolment key confirms:
 * `watershed-node-1.CERTIFICATE.RECORD.SIGNATURE`, each base64url. The signature is over the format, the cloud and
 * the record. Nothing in the registry can be changed, or moved to another place in it, without being noticed.
 */
export function signedSealer(identity: NodeIdentity, trust: Trust): RecordSealer {
  const own = Buffer.from(identity.certificate).toString('base64url');
  const certificates = new CertificateCache(trust);
  /** By datacenter and node: only what was signed by an enrolled node gets in, so it is bounded by these. */
  const newest = new Map<string, { readonly body: string; readonly record: NodeRecord }>();
  return {
    seal(record) {
      const json = JSON.stringify(record);
      const signature = sign(null, signedBytes(identity.cloud, json), identity.key);
      return [FORMAT, own, base64url(json), signature.toString('base64url')].join('.');
    },
    open({ id, datacenter, body }) {
      const parts = body.length <= MAX_BODY_CHARACTERS ? body.split('.') : [];
      const [format, certificate = '', content = '', signature = ''] = parts;
      if (format !== FORMAT || parts.length !== 4) return { ok: false, reason: 'record_malformed' };
      const node = certificates.verify(certificate);
      if (!node.ok) return node;
      if (node.id !== id || node.datacenter !== datacenter) return { ok: false, reason: 'record_misplaced' };
      const key = nodeKey(node);
      const last = newest.get(key);
      // Read more often than written: the same bytes under the same good certificate were found signed.
      if (last?.body === body) return { ok: true, record: last.record };
      const json = Buffer.from(content, 'base64url').toString();
      const bytes = signedBytes(trust.cloud, json);
      if (!verify(null, bytes, node.publicKey, Buffer.from(signature, 'base64url'))) {
        return { ok: false, reason: 'record_not_signed' };
      }
      const record = parseRecord(json);
      if (record === null) return { ok: false, reason: 'record_malformed' };
      if (record.id !== id || record.datacenter !== datacenter)
        return { ok: false, reason: 'record_misplaced' };
      if (last !== undefined && isOlder(record, last.record)) return { ok: false, reason: 'record_replayed' };
      newest.set(key, { body, record });
      return { ok: true, record };
    },
  };
}

/** Epochs and sequences are the node's own counts: those of different nodes are never compared. */
function isOlder(record: NodeRecord, last: NodeRecord): boolean {
  return record.epoch < last.epoch || (record.epoch === last.epoch && record.sequence < last.sequence);
}

function signedBytes(cloud: string, json: string): Buffer {
  return Buffer.from(`${FORMAT}\n${cloud}\n${json}`);
}

function base64url(text: string): string {
  return Buffer.from(text).toString('base64url');
}

function parseRecord(json: string): NodeRecord | null {
  try {
    return recordSchema.parse(JSON.parse(json));
  } catch {
    return null;
  }
}

type GoodCertificate = Extract<VerifiedCertificate, { ok: true }>;

/** A certificate is the same at every heartbeat: verified once, as long as it and the enrolment key are good. */
class CertificateCache {
  readonly #trust: Trust;
  readonly #good = new Map<string, GoodCertificate & { readonly enrolmentKey: string | null }>();

  constructor(trust: Trust) {
    this.#trust = trust;
  }

  verify(text: string): VerifiedCertificate {
    const trust = this.#trust;
    const known = this.#good.get(text);
    const isGood =
      known !== undefined &&
      trust.now() < known.expiresAt &&
      trust.enrolmentKey(known.datacenter) === known.enrolmentKey;
    if (isGood) return known;
    const verified = verifyNodeCertificate(Buffer.from(text, 'base64url'), trust);
    this.#good.delete(text);
    if (!verified.ok) return verified;
    if (this.#good.size >= MAX_CERTIFICATES) this.#good.clear();
    this.#good.set(text, { ...verified, enrolmentKey: trust.enrolmentKey(verified.datacenter) });
    return verified;
  }
}
