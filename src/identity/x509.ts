import { createPrivateKey, type KeyObject, randomBytes, sign } from 'node:crypto';
import { bits, der, integer, octets, oid, pem, sequence, time, utf8 } from './der.ts';

export interface CertificateContent {
  /** Who is certified; its public key goes into the certificate. */
  readonly subject: { readonly commonName: string; readonly publicKey: KeyObject };
  readonly issuer: { readonly commonName: string; readonly privateKey: KeyObject };
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** `subjectAltName`: entries made by `uriName`, `dnsName`, `addressName`. */
  readonly names: readonly Uint8Array[];
}

/** Algorithms of signatures by the issuer's type of key (RFC 8410; RFC 5758). */
const ALGORITHMS: Readonly<Record<string, { oid: string; hash: string | null }>> = {
  ed25519: { oid: '1.3.101.112', hash: null },
  ec: { oid: '1.2.840.10045.4.3.2', hash: 'sha256' },
};
const SERIAL_BYTES = 16;

/** An X.509 v3 end-entity certificate (RFC 5280) for TLS on both sides, as PEM. Issuer's key: Ed25519 or P-256. */
export function writeCertificate(content: CertificateContent): string {
  const { subject, issuer, names } = content;
  const algorithm = ALGORITHMS[issuer.privateKey.asymmetricKeyType ?? ''];
  if (algorithm === undefined) throw new Error('certificates are signed with Ed25519 or P-256 keys');
  const signatureAlgorithm = sequence(oid(algorithm.oid));
  const body = sequence(
    der(0xa0, integer(Buffer.from([2]))),
    integer(randomBytes(SERIAL_BYTES)),
    signatureAlgorithm,
    commonName(issuer.commonName),
    sequence(time(content.notBefore), time(content.notAfter)),
    commonName(subject.commonName),
    subject.publicKey.export({ format: 'der', type: 'spki' }),
    der(
      0xa3,
      sequence(
        // basicConstraints: no authority; keyUsage: digitalSignature.
        extension('2.5.29.19', sequence(), true),
        extension('2.5.29.15', bits(Buffer.from([0x80]), 7), true),
        extension('2.5.29.37', sequence(oid('1.3.6.1.5.5.7.3.1'), oid('1.3.6.1.5.5.7.3.2'))),
        extension('2.5.29.17', sequence(...names)),
      ),
    ),
  );
  const signature = sign(algorithm.hash, body, issuer.privateKey);
  return pem('CERTIFICATE', sequence(body, signatureAlgorithm, bits(signature)));
}

export function uriName(uri: string): Buffer {
  return der(0x86, Buffer.from(uri, 'ascii'));
}

export function dnsName(name: string): Buffer {
  return der(0x82, Buffer.from(name, 'ascii'));
}

/** An IPv4 address. */
export function addressName(address: string): Buffer {
  return der(0x87, Buffer.from(address.split('.').map(Number)));
}

/** A private key from PEM. Throws where it is none, or not Ed25519. */
export function ed25519PrivateKey(text: string): KeyObject {
  const key = createPrivateKey(text);
  if (key.asymmetricKeyType !== 'ed25519') throw new Error('not an Ed25519 key');
  return key;
}

function commonName(name: string): Buffer {
  return sequence(der(0x31, sequence(oid('2.5.4.3'), utf8(name))));
}

function extension(id: string, value: Uint8Array, critical = false): Buffer {
  return sequence(oid(id), ...(critical ? [der(0x01, Buffer.from([0xff]))] : []), octets(value));
}
