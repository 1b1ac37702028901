import type { types } from 'mediasoup';

/** At most this many entries: a peer in a large room has hundreds of consumers. */
const MAX_ENTRIES = 256;
const TIMEOUT_MS = 2_000;

interface Measured {
  readonly transports: readonly types.WebRtcTransport[];
  readonly producers: readonly types.Producer[];
  readonly consumers: readonly types.Consumer[];
}

/**
 * mediasoup's figures of a peer's own media: transports first, then producers, then consumers, at most 256
 * entries. What does not answer within 2 s, or is gone, is left out. Addresses are left out, too: ours may be
 * internal ones.
 */
export async function peerStats(measured: Measured): Promise<Record<string, unknown>[]> {
  const asked = [
    ...measured.transports.map((transport) => entries('transport', transport)),
    ...measured.producers.map((producer) => entries('producer', producer)),
    ...measured.consumers.map((consumer) => entries('consumer', consumer)),
  ];
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Record<string, unknown>[]>((resolve) => {
    timer = setTimeout(() => resolve([]), TIMEOUT_MS);
  });
  try {
    const answers = await Promise.all(
      asked.slice(0, MAX_ENTRIES).map((answer) => Promise.race([answer(), late]).catch(() => [])),
    );
    return answers.flat().slice(0, MAX_ENTRIES);
  } finally {
    clearTimeout(timer);
  }
}

function entries(
  of: string,
  object: { readonly id: string; getStats(): Promise<readonly object[]> },
): () => Promise<Record<string, unknown>[]> {
  return async () =>
    (await object.getStats()).map((stat) => {
      const { iceSelectedTuple, ...figures }: Record<string, unknown> = { ...stat };
      return { of, id: object.id, ...figures, ...protocolOf(iceSelectedTuple) };
    });
}

function protocolOf(tuple: unknown): { iceProtocol?: unknown } {
  return typeof tuple === 'object' && tuple !== null && 'protocol' in tuple
    ? { iceProtocol: tuple.protocol }
    : {};
}
