import { randomUUID } from 'node:crypto';
import type { Admission, AdmissionRequest, AdmittedSession, Verdict } from '../../cluster/types.ts';
import type { MediaGate } from '../../media/types.ts';
import type { Label } from '../../policy/model.ts';
import { type ErrorCode, WatershedError } from '../../protocol/errors.ts';
import type { Redirect, Refusal } from '../../protocol/events.ts';
import type { JoinClaims } from '../../protocol/token.ts';
import { refusalOf } from '../ending.ts';

type Change = { step: AdmissionRequest['step']; address?: string; token?: string };

/** A session as the door admits one; the claims that a test cares about can be given. */
export function admitted(claims: Partial<JoinClaims> = {}, label: Partial<Label> = {}): AdmittedSession {
  const home = claims.region ?? 'us';
  return {
    claims: {
      iss: 'accounts',
      jti: randomUUID(),
      iat: 1,
      exp: 4_000_000_000,
      cloud: 'commercial',
      room: 'standup',
      role: 'participant',
      region: home,
      ...claims,
    },
    label: { home, evidence: [home], regions: null, ...label },
    address: '192.0.2.1',
  };
}

/** A refusal by the policy. */
export function policyRefusal(code: ErrorCode = 'region_not_admitted'): Refusal {
  return { ...refusalOf(code, 'sha256:test'), rule: 'admits' };
}

/** A redirect with an empty list. */
export function policyRedirect(): Redirect {
  return {
    ...policyRefusal(),
    list: {
      cloud: 'commercial',
      room: 'standup',
      primaries: [],
      secondaries: [],
      expiresAt: 4_000_000_000,
      policy: 'sha256:test',
      signature: 'e30.e30.AA',
    },
  };
}

/** An admission that admits, unless a test says otherwise, and remembers what it was asked. */
export class FakeAdmission implements Pick<Admission, 'decideAgain' | 'gate' | 'serves'> {
  readonly asked: Change[] = [];
  /** Answers `decideAgain`. */
  verdict: (session: AdmittedSession, change: Change) => Verdict | Promise<Verdict> = (session) => ({
    kind: 'admit',
    session,
  });
  /** The one predicate, for this node's datacenter. */
  allowed: (label: Label) => boolean = () => true;
  /** Whether media may come from an address. */
  allowedFrom: (address: string) => boolean = () => true;
  /** The rooms that asked for a gate, so that a test can bring labels. */
  readonly rooms: Parameters<Admission['gate']>[0][] = [];

  async decideAgain(session: AdmittedSession, change: Change): Promise<Verdict> {
    this.asked.push(change);
    return this.verdict(session, change);
  }

  serves(label: Label, addresses: Iterable<string> = []): boolean {
    return this.allowed(label) && [...addresses].every(this.allowedFrom);
  }

  gate(room: Parameters<Admission['gate']>[0]): MediaGate {
    this.rooms.push(room);
    const here = (peerId: string): void => {
      const label = room.label(peerId);
      if (label === undefined || !this.allowed(label)) throw new WatershedError('region_not_admitted');
    };
    return {
      assertTransport: here,
      assertProduce: here,
      assertConsume: (producerPeerId, consumerPeerId) => {
        here(producerPeerId);
        here(consumerPeerId);
      },
      assertAddress: (peerId, address) => {
        here(peerId);
        if (!this.allowedFrom(address)) throw new WatershedError('address_refused');
      },
      assertPipe: here,
    };
  }
}
