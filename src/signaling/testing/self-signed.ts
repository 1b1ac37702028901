import { generateKeyPairSync } from 'node:crypto';
import { addressName, dnsName, writeCertificate } from '../../identity/x509.ts';

/** A self-signed certificate (P-256) for `localhost`, made here so that no key lies in the repository. */
export function selfSigned(commonName: string): { cert: string; key: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const cert = writeCertificate({
    subject: { commonName, publicKey },
    issuer: { commonName, privateKey },
    notBefore: Date.UTC(2020, 0),
    notAfter: Date.UTC(2049, 11, 31),
    names: [dnsName('localhost'), addressName('127.0.0.1')],
  });
  return { cert, key: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString() };
}
