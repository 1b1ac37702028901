import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { publicKeyText } from '../../policy/bundle.ts';
import { issueNodeCertificate, type NodeName, type Trust } from '../certificate.ts';
import { identityOf, type NodeIdentity } from '../identity.ts';

/** A datacenter's enrolment key pair. */
export interface TestEnrolment {
  readonly privateKey: KeyObject;
  /** As it stands in a policy. */
  readonly key: string;
}

export function testEnrolment(): TestEnrolment {
  const { privateKey } = generateKeyPairSync('ed25519');
  return { privateKey, key: publicKeyText(createPublicKey(privateKey)) };
}

/** A node with a key of its own and a certificate by this enrolment key. */
export function testIdentity(
  node: NodeName,
  { privateKey }: TestEnrolment,
  { days = 1, now = Date.now() }: { days?: number; now?: number } = {},
): NodeIdentity {
  const pair = generateKeyPairSync('ed25519');
  const certificate = issueNodeCertificate({
    node,
    publicKey: pair.publicKey,
    enrolmentKey: privateKey,
    days,
    now,
  });
  return identityOf(certificate, pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
}

/** What a policy with these enrolment keys would say, by datacenter. */
export function testTrust(
  cloud: string,
  enrolments: Readonly<Record<string, TestEnrolment>>,
  now: () => number = Date.now,
): Trust {
  return { cloud, enrolmentKey: (datacenter) => enrolments[datacenter]?.key ?? null, now };
}
