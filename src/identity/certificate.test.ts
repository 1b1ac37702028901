import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { issueNodeCertificate, type NodeName, verifyNodeCertificate } from './certificate.ts';
import { identityOf } from './identity.ts';
import { testEnrolment, testIdentity, testTrust } from './testing/enrolled.ts';
import { addressName, dnsName, uriName, writeCertificate } from './x509.ts';

const NOW = Date.UTC(2026, 10, 25);
const HKG: NodeName = { cloud: 'commercial', datacenter: 'hkg', id: 'hkg-1' };
const hkg = testEnrolment();
const sha = testEnrolment();
const trust = testTrust('commercial', { hkg, sha }, () => NOW);

/** A certificate by hkg's key with any content. */
function forged(over: { names?: Uint8Array[]; subject?: 'ec'; issuer?: typeof hkg }): Uint8Array {
  const { publicKey } =
    over.subject === 'ec'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('ed25519');
  const pem = writeCertificate({
    subject: { commonName: 'hkg-1', publicKey },
    issuer: { commonName: 'any', privateKey: (over.issuer ?? hkg).privateKey },
    notBefore: NOW,
    notAfter: NOW + 1000,
    names: over.names ?? [uriName('watershed://commercial/hkg/hkg-1')],
  });
  return new X509Certificate(pem).raw;
}

describe('a node certificate', () => {
  it('says whose it is, and proves it by the enrolment key of the policy', () => {
    const identity = testIdentity(HKG, hkg, { now: NOW });
    const verified = verifyNodeCertificate(identity.certificate, trust);
    expect(verified).toMatchObject({ ok: true, datacenter: 'hkg', id: 'hkg-1' });
    expect(
      verified.ok && verified.publicKey.equals(new X509Certificate(identity.certificatePem).publicKey),
    ).toBe(true);
  });

  it('is one that OpenSSL reads as it was meant', () => {
    const certificate = new X509Certificate(testIdentity(HKG, hkg, { now: NOW, days: 2 }).certificatePem);
    expect(certificate.subject).toBe('CN=hkg-1');
    expect(certificate.issuer).toBe('CN=commercial hkg enrolment');
    expect(certificate.ca).toBe(false);
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
    expect(Date.parse(certificate.validFrom)).toBe(NOW - 300_000);
    expect(Date.parse(certificate.validTo)).toBe(NOW + 2 * 86_400_000);
    const long = testIdentity(HKG, hkg, { now: NOW, days: 9000 });
    expect(Date.parse(new X509Certificate(long.certificatePem).validTo)).toBe(NOW + 9000 * 86_400_000);
  });

  it.each([
    ['one second after its end', NOW + 86_400_000, 'certificate_expired'],
    ['before its beginning', NOW - 300_001, 'certificate_not_yet_valid'],
    ['by a clock that is none', Number.NaN, 'certificate_not_yet_valid'],
  ] as const)('is refused %s', (_when, now, reason) => {
    const { certificate } = testIdentity(HKG, hkg, { now: NOW });
    const verified = verifyNodeCertificate(
      certificate,
      testTrust('commercial', { hkg }, () => now),
    );
    expect(verified).toEqual({ ok: false, reason });
  });

  it.each([
    ['of another cloud', testIdentity({ ...HKG, cloud: 'government' }, hkg), 'certificate_of_another_cloud'],
    ["by another datacenter's key", testIdentity(HKG, sha), 'certificate_not_by_enrolment_key'],
    ['by a key nobody knows', testIdentity(HKG, testEnrolment()), 'certificate_not_by_enrolment_key'],
    [
      'of a datacenter that the policy does not have',
      testIdentity({ ...HKG, datacenter: 'sjc' }, hkg),
      'certificate_without_enrolment_key',
    ],
  ] as const)('is refused when it is %s', (_what, { certificate }, reason) => {
    expect(verifyNodeCertificate(certificate, trust)).toEqual({ ok: false, reason });
  });

  it('is refused where the policy has something else in place of the enrolment key', () => {
    const { certificate } = testIdentity(HKG, hkg);
    const broken = { ...trust, enrolmentKey: () => 'ed25519:short' };
    expect(verifyNodeCertificate(certificate, broken)).toEqual({
      ok: false,
      reason: 'certificate_without_enrolment_key',
    });
  });

  it('stops to be one when the policy gives its datacenter another key', () => {
    const { certificate } = testIdentity(HKG, hkg, { now: NOW });
    expect(verifyNodeCertificate(certificate, trust).ok).toBe(true);
    const rotated = testTrust('commercial', { hkg: testEnrolment() }, () => NOW);
    expect(verifyNodeCertificate(certificate, rotated).ok).toBe(false);
  });

  const node = 'watershed://commercial/hkg/hkg-1';
  it.each([
    ['no name', []],
    ['two names', [uriName(node), uriName('watershed://commercial/sha/sha-1')]],
    ['a second name of another kind', [uriName(node), dnsName('example.net')]],
    ['a host name that looks like one', [dnsName(node)]],
    ['a name that pretends to be two', [dnsName(`x, URI:${node}`)]],
    ['an address alone', [addressName('127.0.0.1')]],
    ['a longer path', [uriName(`${node}/x`)]],
    ['an escaped name', [uriName('watershed://commercial/hkg/hkg%2d1')]],
    ['another scheme', [uriName('spiffe://commercial/hkg/hkg-1')]],
    ['a line feed', [uriName(`${node}\n`)]],
    ['an empty id', [uriName('watershed://commercial/hkg/')]],
  ])('is refused with %s', (_what, names) => {
    expect(verifyNodeCertificate(forged({ names }), trust)).toEqual({
      ok: false,
      reason: 'certificate_malformed',
    });
  });

  it('is refused for a key that is not Ed25519, with bytes after it, cut, or far too large', () => {
    const good = forged({});
    expect(verifyNodeCertificate(good, trust).ok).toBe(true);
    for (const bytes of [
      forged({ subject: 'ec' }),
      Buffer.concat([good, Buffer.from([0])]),
      good.subarray(0, good.length - 1),
      new Uint8Array(),
      new Uint8Array(1_000_000),
    ]) {
      expect(verifyNodeCertificate(bytes, trust)).toEqual({ ok: false, reason: 'certificate_malformed' });
    }
  });

  it('is refused with any one bit changed', () => {
    const good = forged({});
    for (let bit = 0; bit < good.length * 8; bit += 7) {
      const changed = Buffer.from(good);
      changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(verifyNodeCertificate(changed, trust).ok, `bit ${bit}`).toBe(false);
    }
  });

  it('is not issued for names that no policy could have', () => {
    const { publicKey } = generateKeyPairSync('ed25519');
    const issue = { publicKey, enrolmentKey: hkg.privateKey, days: 1, now: NOW };
    for (const id of ['', 'a/b', 'a b', '../x', 'a%2f', '-']) {
      expect(() => issueNodeCertificate({ ...issue, node: { ...HKG, id } })).toThrow();
    }
  });
});

describe('an identity', () => {
  it('is a certificate and its key; the key of another is refused', () => {
    const one = testIdentity(HKG, hkg);
    const other = testIdentity({ ...HKG, id: 'hkg-2' }, hkg);
    expect(identityOf(one.certificatePem, one.privateKeyPem)).toMatchObject(HKG);
    expect(() => identityOf(one.certificatePem, other.privateKeyPem)).toThrow(
      'key: not the key that certificate certifies',
    );
    expect(() => identityOf('nothing', one.privateKeyPem)).toThrow("certificate: not a node's certificate");
    expect(() => identityOf(one.certificatePem, 'nothing')).toThrow('key: not a private key');
  });
});
