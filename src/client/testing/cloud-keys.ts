import { CompactSign, exportJWK, generateKeyPair, SignJWT } from 'jose';
import {
  DIRECTORY_JWS_TYPE,
  type DirectoryAnswer,
  type DirectoryEntry,
  type DirectoryKeys,
  type DirectoryList,
} from '../../protocol/directory.ts';

/** A cloud's directory key, and join tokens that look right to a client (nobody verifies them here). */
export interface CloudKeys {
  readonly keys: DirectoryKeys['keys'];
  sign(
    list: Partial<DirectoryList>,
    header?: { typ?: string; alg?: string; kid?: string },
  ): Promise<DirectoryAnswer>;
  token(claims?: {
    cloud?: string;
    room?: string;
    exp?: number;
    region?: string;
    regions?: string[];
  }): Promise<string>;
}

export const ROOM = 'garden';
export const CLOUD = 'commercial';

export async function cloudKeys(kid = 'key-1'): Promise<CloudKeys> {
  const { publicKey, privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  const { x = '' } = await exportJWK(publicKey);
  return {
    keys: [{ kty: 'OKP', crv: 'Ed25519', x, kid }],
    async sign(changes, header = {}) {
      const list = listOf([], [], changes);
      const signature = await new CompactSign(new TextEncoder().encode(JSON.stringify(list)))
        .setProtectedHeader({ alg: 'EdDSA', typ: DIRECTORY_JWS_TYPE, kid, ...header })
        .sign(privateKey);
      return { ...list, signature };
    },
    token: ({ cloud = CLOUD, room = ROOM, exp = Math.floor(Date.now() / 1000) + 600, ...others } = {}) =>
      new SignJWT({ cloud, room, ...others })
        .setProtectedHeader({ alg: 'EdDSA' })
        .setExpirationTime(exp)
        .sign(privateKey),
  };
}

export function listOf(
  primaries: DirectoryEntry[],
  secondaries: DirectoryEntry[],
  changes: Partial<DirectoryList> = {},
): DirectoryList {
  return {
    cloud: CLOUD,
    room: ROOM,
    primaries,
    secondaries,
    expiresAt: Math.floor(Date.now() / 1000) + 60,
    policy: 'sha256:test',
    ...changes,
  };
}
