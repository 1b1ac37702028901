import { createHmac, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

const HEADER_BYTES = 20;
const BINDING_REQUEST = 0x0001;
const MAGIC_COOKIE = 0x2112a442;
const FINGERPRINT_MASK = 0x5354554e;
const SHA1_BYTES = 20;
const CRC_BYTES = 4;
const ATTRIBUTE_HEAD_BYTES = 4;

/** Attributes of an ICE connectivity check (RFC 8489 section 18.3, RFC 8445 section 16.1). */
export const STUN = {
  username: 0x0006,
  integrity: 0x0008,
  priority: 0x0024,
  useCandidate: 0x0025,
  fingerprint: 0x8028,
  iceControlling: 0x802a,
} as const;

/**
 * A STUN binding request (RFC 8489 section 5) with these attributes, and behind them its integrity by the password of
 * ICE and its fingerprint (sections 14.5 and 14.7). `transaction` has 12 bytes.
 */
export function bindingRequest(
  password: string,
  attributes: readonly Buffer[],
  transaction: Buffer = randomBytes(12),
): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(BINDING_REQUEST, 0);
  header.writeUInt32BE(MAGIC_COOKIE, 4);
  const message = Buffer.concat([header, transaction, ...attributes]);
  const signed = append(message, STUN.integrity, SHA1_BYTES, (before) =>
    createHmac('sha1', password).update(before).digest(),
  );
  return append(signed, STUN.fingerprint, CRC_BYTES, (before) => {
    const sum = Buffer.alloc(CRC_BYTES);
    sum.writeUInt32BE((crc32(before) ^ FINGERPRINT_MASK) >>> 0);
    return sum;
  });
}

/** Type, length and value, padded to four bytes. */
export function stunAttribute(type: number, value: Buffer): Buffer {
  const padded = Buffer.alloc(ATTRIBUTE_HEAD_BYTES + Math.ceil(value.length / 4) * 4);
  padded.writeUInt16BE(type, 0);
  padded.writeUInt16BE(value.length, 2);
  value.copy(padded, ATTRIBUTE_HEAD_BYTES);
  return padded;
}

/** Adds what is made of everything before it, where the header counts it already. */
function append(message: Buffer, type: number, bytes: number, make: (before: Buffer) => Buffer): Buffer {
  message.writeUInt16BE(message.length - HEADER_BYTES + ATTRIBUTE_HEAD_BYTES + bytes, 2);
  return Buffer.concat([message, stunAttribute(type, make(message))]);
}
