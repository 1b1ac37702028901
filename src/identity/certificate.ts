import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { parsePublicKey } from '../policy/bundle.ts';
import { uriName, writeCertificate } from './x509.ts';

/**
 * Node certificates: an X.509 certificate of a node's Ed25519 key, signed by its datacenter's enrolment key alone,
 * without any authority between. The policy has the enrolment keys, so whoever has the policy can verify.
 * The one `subjectAltName` says whose it is: `watershed://CLOUD/DATACENTER/NODE-ID`.
 */
export interface NodeName {
  readonly cloud: string;
  readonly datacenter: string;
  readonly id: string;
}

/** By what certificates are judged: the policy of this moment, and the clock. */
export interface Trust {
  readonly cloud: string;
  /** `ed25519:…` of a datacenter; null where the policy has no such datacenter, or no key for it. */
  enrolmentKey(datacenter: string): string | null;
  /** Milliseconds since the epoch. */
  now(): number;
}

/** Why a certificate is not that of a node of this cloud: a closed set, for logs and metrics. */
export type CertificateFault =
  | 'certificate_malformed'
  | 'certificate_of_another_cloud'
  | 'certificate_without_enrolment_key'
  | 'certificate_not_by_enrolment_key'
  | 'certificate_not_yet_valid'
  | 'certificate_expired';

export type VerifiedCertificate =
  | {
      readonly ok: true;
      readonly datacenter: string;
      readonly id: string;
      readonly publicKey: KeyObject;
      /** Milliseconds since the epoch. */
      readonly expiresAt: number;
    }
  | { readonly ok: false; readonly reason: CertificateFault };

const DAY_MS = 86_400_000;
/** A name of the policy, and a node's id: as strict as the policy is, and nothing that a URI would escape. */
const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;
/** For verifiers whose clock is behind the issuer's. */
const BACKDATED_MS = 5 * 60_000;
/** Ours have some 450. */
const MAX_CERTIFICATE_BYTES = 2048;

export interface Issue {
  readonly node: NodeName;
  readonly publicKey: KeyObject;
  /** Ed25519, of the datacenter. */
  readonly enrolmentKey: KeyObject;
  readonly days: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** A node's certificate as PEM. Throws on names that no policy could have. */
export function issueNodeCertificate({ node, publicKey, enrolmentKey, days, now }: Issue): string {
  for (const name of [node.cloud, node.datacenter, node.id]) {
    if (!NAME.test(name)) throw new Error(`"${name}" cannot stand in a certificate`);
  }
  for (const key of [publicKey, enrolmentKey]) {
    if (key.asymmetricKeyType !== 'ed25519') throw new Error('nodes and datacenters have Ed25519 keys');
  }
  return writeCertificate({
    subject: { commonName: node.id, publicKey },
    issuer: {
      commonName: `${node.cloud} ${node.datacenter} enrolment`.slice(0, 64),
      privateKey: enrolmentKey,
    },
    notBefore: now - BACKDATED_MS,
    notAfter: now + days * DAY_MS,
    names: [uriName(uriOf(node))],
  });
}

/**
 * Whether a certificate (DER) is that of a node of this cloud, by the policy's enrolment keys of this moment. Total:
 * whatever is not certain is refused. That the far side holds its key is the caller's to prove.
 */
export function verifyNodeCertificate(bytes: Uint8Array, trust: Trust): VerifiedCertificate {
  const certificate = readCertificate(bytes);
  const node = certificate && nameOf(certificate);
  if (!certificate || !node) return { ok: false, reason: 'certificate_malformed' };
  if (node.cloud !== trust.cloud) return { ok: false, reason: 'certificate_of_another_cloud' };
  const enrolment = trust.enrolmentKey(node.datacenter);
  const key = enrolment === null ? null : parsePublicKey(enrolment);
  if (key === null) return { ok: false, reason: 'certificate_without_enrolment_key' };
  if (!certificate.verify(key)) return { ok: false, reason: 'certificate_not_by_enrolment_key' };
  const now = trust.now();
  const expiresAt = Date.parse(certificate.validTo);
  // Negated, so that a date that cannot be read is refused.
  if (!(now >= Date.parse(certificate.validFrom))) return { ok: false, reason: 'certificate_not_yet_valid' };
  if (!(now < expiresAt)) return { ok: false, reason: 'certificate_expired' };
  const { datacenter, id } = node;
  return { ok: true, datacenter, id, publicKey: certificate.publicKey, expiresAt };
}

/** Null where it is no certificate of one Ed25519 key, alone in these bytes. */
export function readCertificate(bytes: Uint8Array): X509Certificate | null {
  if (bytes.length > MAX_CERTIFICATE_BYTES) return null;
  try {
    const certificate = new X509Certificate(bytes);
    if (certificate.ca || certificate.raw.length !== bytes.length) return null;
    return certificate.publicKey.asymmetricKeyType === 'ed25519' ? certificate : null;
  } catch {
    return null;
  }
}

/** Whose the certificate says that it is; null where that is not said in the one form. */
export function nameOf(certificate: X509Certificate): NodeName | null {
  const match = /^URI:watershed:\/\/([^/]+)\/([^/]+)\/([^/]+)$/.exec(certificate.subjectAltName ?? '');
  const [cloud = '', datacenter = '', id = ''] = match?.slice(1) ?? [];
  return [cloud, datacenter, id].every((name) => NAME.test(name)) ? { cloud, datacenter, id } : null;
}

/** Whether a private key is that of a public one. */
export function isPair(privateKey: KeyObject, publicKey: KeyObject): boolean {
  return createPublicKey(privateKey).equals(publicKey);
}

function uriOf({ cloud, datacenter, id }: NodeName): string {
  return `watershed://${cloud}/${datacenter}/${id}`;
}
