import { createHash } from 'node:crypto';
import { type Profile, profiles, protectRtcp, protectRtp } from './reference.ts';

/** libsrtp's number of each profile (`srtp_profile_t`), which is DTLS-SRTP's (RFC 5764, RFC 7714). */
const numbers: Readonly<Record<Profile, number>> = {
  AES_CM_128_HMAC_SHA1_80: 1,
  AES_CM_128_HMAC_SHA1_32: 2,
  AEAD_AES_128_GCM: 7,
  AEAD_AES_256_GCM: 8,
};

/** Payloads of no bytes, within a block, of whole blocks, one more, and near a path's MTU. */
const PAYLOAD_BYTES = [0, 7, 64, 65, 1200];

/** The index of the first SRTCP packet that libsrtp sends. */
const FIRST_RTCP_INDEX = 1;

/** The lines that check.cpp reads: packets of each profile and size, under keys of their own. */
export function vectorLines(): string[] {
  const lines: string[] = [];
  for (const profile of Object.keys(profiles).filter(isProfile)) {
    const { key, salt } = profiles[profile];
    for (const bytes of PAYLOAD_BYTES) {
      const master = pseudoRandom(`${profile} ${bytes}`, key + salt);
      const keys = [master.subarray(0, key), master.subarray(key)] as const;
      const rtp = Buffer.concat([
        Buffer.from('80601234deadbeefcafebabe', 'hex'),
        pseudoRandom(`rtp ${bytes}`, bytes),
      ]);
      const rtcp = Buffer.concat([
        Buffer.from('81c9000bcafebabe', 'hex'),
        pseudoRandom(`rtcp ${bytes}`, 24 + 4 * Math.trunc(bytes / 4)),
      ]);
      const line = (kind: string, plain: Buffer, sealed: Buffer): string =>
        [kind, numbers[profile], key, ...[master, plain, sealed].map((b) => b.toString('hex'))].join(' ');
      lines.push(line('rtp', rtp, protectRtp(profile, ...keys, rtp)));
      lines.push(line('rtcp', rtcp, protectRtcp(profile, ...keys, rtcp, FIRST_RTCP_INDEX)));
    }
  }
  return lines;
}

function isProfile(name: string): name is Profile {
  return Object.hasOwn(profiles, name);
}

/** Bytes that look random and are the same each time. */
function pseudoRandom(seed: string, bytes: number): Buffer {
  return createHash('shake256', { outputLength: Math.max(bytes, 1) })
    .update(seed)
    .digest()
    .subarray(0, bytes);
}
