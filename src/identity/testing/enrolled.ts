import type { KeyObject } from 'node:crypto';
import { publicKeyText } from '../../policy/bundle.ts';
import { generateKeyPair } from '../../tokens/key-pair.ts';
import { issueNodeCertificate, type NodeName, type Trust } from '../certificate.ts';
import { identityOf, type NodeIdentity } from '../identity.ts';

/** A datacenter's enrolment key pair. */
export interface TestEnrolment {
  readonly privateKey: KeyObject;
  /** As it stands in a policy. */
  readonly key: string;
}

export function testEnrolment(): TestEnrolment {
  const { privateKey, publicKey } = generateKeyPair();
  return { privateKey, key: publicKeyText(publicKey) };
}

/** A node with a key of its own and a certificate by this enrolment key. */
export function testIdentity(
  node: NodeName,
  { privateKey }: TestEnrolment,
  { days = 1, now = Date.now() }: { days?: number; now?: number } = {},
): NodeIdentity {
  const pair = generateKeyPair();
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
