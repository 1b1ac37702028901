import { createCipheriv, createHmac } from 'node:crypto';

// SRTP written from the RFCs over Node's crypto, so that the worker's library is compared with something that
// shares none of its code. Only what the vectors need: no roll-over counter, no CSRC list, no MKI.

/** The protection profiles that the worker negotiates. */
export type Profile =
  | 'AES_CM_128_HMAC_SHA1_80'
  | 'AES_CM_128_HMAC_SHA1_32'
  | 'AEAD_AES_128_GCM'
  | 'AEAD_AES_256_GCM';

/** Bytes of the master key and of the master salt. */
export const profiles: Readonly<Record<Profile, { readonly key: number; readonly salt: number }>> = {
  AES_CM_128_HMAC_SHA1_80: { key: 16, salt: 14 },
  AES_CM_128_HMAC_SHA1_32: { key: 16, salt: 14 },
  AEAD_AES_128_GCM: { key: 16, salt: 12 },
  AEAD_AES_256_GCM: { key: 32, salt: 12 },
};

/** Labels of the key derivation, RFC 3711 sections 4.3.1 and 4.3.2. */
export const label = { rtpKey: 0, rtpAuth: 1, rtpSalt: 2, rtcpKey: 3, rtcpAuth: 4, rtcpSalt: 5 } as const;

const HEADER_BYTES = 12;
const RTCP_HEADER_BYTES = 8;
const AUTH_KEY_BYTES = 20;

/** AES in counter mode; `iv` is the first counter block (RFC 3711 section 4.1.1). */
export function keystream(key: Buffer, iv: Buffer, bytes: number): Buffer {
  return createCipheriv(`aes-${key.length * 8}-ctr`, key, iv).update(Buffer.alloc(bytes));
}

/** A session key (RFC 3711 section 4.3.1, key derivation rate 0). A 12-byte salt is taken as one of 14 bytes (RFC 7714 section 11). */
export function derive(masterKey: Buffer, masterSalt: Buffer, which: number, bytes: number): Buffer {
  const iv = Buffer.alloc(16);
  masterSalt.copy(iv);
  iv[7] = (iv[7] ?? 0) ^ which;
  return keystream(masterKey, iv, bytes);
}

/** The initialisation vector of AES-GCM (RFC 7714 sections 8.1 and 9.1): 12 bytes, `index` in its last six. */
export function gcmIv(salt: Buffer, ssrc: number, index: number): Buffer {
  const iv = Buffer.alloc(12);
  iv.writeUInt32BE(ssrc, 2);
  iv.writeUIntBE(index, 6, 6);
  return xor(iv, salt);
}

/** AES-GCM: ciphertext and its 16-byte tag. */
export function gcm(key: Buffer, iv: Buffer, associated: Buffer, plain: Buffer): Buffer {
  const cipher = createCipheriv(key.length === 32 ? 'aes-256-gcm' : 'aes-128-gcm', key, iv).setAAD(
    associated,
  );
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** The SRTP packet of an RTP packet with a bare 12-byte header. */
export function protectRtp(profile: Profile, masterKey: Buffer, masterSalt: Buffer, rtp: Buffer): Buffer {
  const { key, salt } = profiles[profile];
  const header = rtp.subarray(0, HEADER_BYTES);
  const payload = rtp.subarray(HEADER_BYTES);
  const sessionKey = derive(masterKey, masterSalt, label.rtpKey, key);
  const sessionSalt = derive(masterKey, masterSalt, label.rtpSalt, salt);
  const sequence = rtp.readUInt16BE(2);
  const ssrc = rtp.readUInt32BE(8);
  if (profile.startsWith('AEAD')) {
    return Buffer.concat([header, gcm(sessionKey, gcmIv(sessionSalt, ssrc, sequence), header, payload)]);
  }
  const body = xor(payload, keystream(sessionKey, counterIv(sessionSalt, ssrc, sequence), payload.length));
  const authKey = derive(masterKey, masterSalt, label.rtpAuth, AUTH_KEY_BYTES);
  // The roll-over counter, here 0, is authenticated and not sent (RFC 3711 section 4.2).
  const tag = createHmac('sha1', authKey).update(header).update(body).update(Buffer.alloc(4)).digest();
  return Buffer.concat([header, body, tag.subarray(0, profile.endsWith('32') ? 4 : 10)]);
}

/** The SRTCP packet of an RTCP packet, encrypted, with the given index. */
export function protectRtcp(
  profile: Profile,
  masterKey: Buffer,
  masterSalt: Buffer,
  rtcp: Buffer,
  index: number,
): Buffer {
  const { key, salt } = profiles[profile];
  const header = rtcp.subarray(0, RTCP_HEADER_BYTES);
  const payload = rtcp.subarray(RTCP_HEADER_BYTES);
  const sessionKey = derive(masterKey, masterSalt, label.rtcpKey, key);
  const sessionSalt = derive(masterKey, masterSalt, label.rtcpSalt, salt);
  const ssrc = rtcp.readUInt32BE(4);
  const word = Buffer.alloc(4);
  word.writeUInt32BE(0x80000000 + index);
  if (profile.startsWith('AEAD')) {
    const sealed = gcm(sessionKey, gcmIv(sessionSalt, ssrc, index), Buffer.concat([header, word]), payload);
    return Buffer.concat([header, sealed, word]);
  }
  const body = xor(payload, keystream(sessionKey, counterIv(sessionSalt, ssrc, index), payload.length));
  const authKey = derive(masterKey, masterSalt, label.rtcpAuth, AUTH_KEY_BYTES);
  const tag = createHmac('sha1', authKey).update(header).update(body).update(word).digest();
  // SRTCP keeps the 80-bit tag in either profile (RFC 5764 section 4.1.2).
  return Buffer.concat([header, body, word, tag.subarray(0, 10)]);
}

/** RFC 3711 section 4.1.1: salt, SSRC and packet index in one counter block. */
function counterIv(salt: Buffer, ssrc: number, index: number): Buffer {
  const iv = Buffer.alloc(16);
  iv.writeUInt32BE(ssrc, 4);
  iv.writeUIntBE(index, 8, 6);
  return xor(iv, Buffer.concat([salt, Buffer.alloc(2)]));
}

function xor(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((byte, i) => byte ^ (b[i] ?? 0)));
}
