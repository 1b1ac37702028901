import { CompactSign } from 'jose';
import {
  DIRECTORY_JWS_TYPE,
  type DirectoryAnswer,
  type DirectoryKeys,
  type DirectoryList,
  directoryListSchema,
} from '../protocol/directory.ts';
import { TOKEN_ALGORITHM } from '../protocol/token.ts';
import type { PublicJwk, SigningKey } from './keys.ts';

/**
 * The list with its signature: a compact JWS whose payload is the list itself. Clients verify it with the keys of
 * `directoryKeys` and follow nothing that is not in the payload.
 */
export async function signDirectoryList(key: SigningKey, list: DirectoryList): Promise<DirectoryAnswer> {
  // Parsed, so that nothing beside the list is signed by accident.
  const exact = directoryListSchema.parse(list);
  const signature = await new CompactSign(new TextEncoder().encode(JSON.stringify(exact)))
    .setProtectedHeader({ alg: TOKEN_ALGORITHM, typ: DIRECTORY_JWS_TYPE, kid: key.kid })
    .sign(key.privateKey);
  return { ...exact, signature };
}

/** The answer of `GET /v1/keys`. */
export function directoryKeys(cloud: string, keys: readonly { publicJwk: PublicJwk }[]): DirectoryKeys {
  return { cloud, keys: keys.map(({ publicJwk }) => ({ ...publicJwk })) };
}
