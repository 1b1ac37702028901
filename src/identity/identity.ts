import { type KeyObject, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isPair, type NodeName, nameOf, readCertificate } from './certificate.ts';
import { ed25519PrivateKey } from './x509.ts';

/** Who this node is, and the key that proves it. */
export interface NodeIdentity extends NodeName {
  readonly certificatePem: string;
  /** The same certificate as DER. */
  readonly certificate: Uint8Array;
  readonly privateKeyPem: string;
  readonly key: KeyObject;
}

/** Reads what `watershed node enrol` wrote. Rejects with the file and what is wrong with it. */
export async function loadIdentity(files: { certificate: string; key: string }): Promise<NodeIdentity> {
  const [certificatePem, privateKeyPem] = await Promise.all([read(files.certificate), read(files.key)]);
  return identityOf(certificatePem, privateKeyPem, files);
}

/** As `loadIdentity`, from PEM texts; `files` names them in errors. */
export function identityOf(
  certificatePem: string,
  privateKeyPem: string,
  files = { certificate: 'certificate', key: 'key' },
): NodeIdentity {
  const certificate = parseCertificate(certificatePem);
  const node = certificate && nameOf(certificate);
  if (!certificate || !node) {
    throw new Error(`${files.certificate}: not a node's certificate: make one with \`watershed node enrol\``);
  }
  let key: KeyObject;
  try {
    key = ed25519PrivateKey(privateKeyPem);
  } catch {
    throw new Error(`${files.key}: not a private key (Ed25519, PEM, without a password)`);
  }
  if (!isPair(key, certificate.publicKey)) {
    throw new Error(`${files.key}: not the key that ${files.certificate} certifies`);
  }
  return { ...node, certificatePem, certificate: certificate.raw, privateKeyPem, key };
}

function parseCertificate(pem: string): X509Certificate | null {
  try {
    return readCertificate(new X509Certificate(pem).raw);
  } catch {
    return null;
  }
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const cause = error instanceof Error && 'code' in error ? error.code : error;
    throw new Error(`${file}: cannot be read (${cause})`, { cause: error });
  }
}
