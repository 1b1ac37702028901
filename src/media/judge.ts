import type { Peer } from './peer.ts';
import type { Publication } from './publication.ts';
import type { MediaGate } from './types.ts';

interface Judged {
  readonly peerId: string;
  /** Undefined for a peer at another node: only what it publishes is judged here. */
  readonly peer: Peer | undefined;
  /** What it publishes in the room. */
  readonly publications: readonly Publication[];
  /** All peers of the room here. */
  readonly peers: readonly Peer[];
}

/**
 * Judges every leg of a peer again, and closes what the gate refuses. Returns what is left to tell, once all that
 * is forbidden is closed.
 */
export function judgeLegs(gate: MediaGate, { peerId, peer, publications, peers }: Judged): (() => void)[] {
  // Where its media comes from first: what an address says by the policy of now may widen the label.
  const refused =
    peer &&
    refusal(() => {
      for (const address of peer.addresses()) gate.assertAddress(peerId, address);
      gate.assertTransport(peerId);
    });
  if (refused) {
    peer.forbid(refused.error);
    return [];
  }
  const tells: (() => void)[] = [];
  if (peer && refusal(() => gate.assertProduce(peerId))) {
    for (const publication of peer.publications.all()) tells.push(peer.withdraw(publication));
  }
  const judgeConsume = (publication: Publication, consumer: Peer): void => {
    if (!consumer.subscriptions.has(publication.id)) return;
    if (refusal(() => gate.assertConsume(publication.peerId, consumer.peerId))) {
      tells.push(consumer.unsubscribe(publication.id));
    }
  };
  for (const publication of publications) for (const other of peers) judgeConsume(publication, other);
  if (peer) for (const publication of peer.subscriptions.publications()) judgeConsume(publication, peer);
  return tells;
}

function refusal(check: () => void): { error: unknown } | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    return { error };
  }
}
