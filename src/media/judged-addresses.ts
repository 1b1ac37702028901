import { errors, type types } from 'mediasoup';

/**
 * The method of the requests below. Which it is does not matter to our worker, which looks at whom they are for
 * (workers/patches/0003-judged-remote-addresses.patch); any other worker does not find that, and says so. It is
 * mediasoup's `TRANSPORT_DUMP`, which would do no harm.
 */
export const METHOD = 18;

/** A worker that takes media from whoever passes its ICE check, where that may not be. */
export class UnjudgedWorkerError extends Error {
  override readonly name = 'UnjudgedWorkerError';
  readonly code = 'worker_addresses_unjudged';

  constructor(workerBin: string) {
    super(
      `${workerBin} takes media before the address that it comes from is judged: it lacks workers/patches/0003-judged-remote-addresses.patch, as mediasoup's own binaries do. Only \`mode: development\` runs such a worker. Have one built by \`npm run setup\`, and name no other in media.workerBin or WATERSHED_WORKER_BIN`,
    );
  }
}

/** mediasoup's connection to its worker, as far as it is used here. */
interface RequestChannel {
  request(method: number, bodyType: undefined, bodyOffset: undefined, handlerId: string): Promise<unknown>;
}

/**
 * Lets the worker take media only from remote addresses that `admitAddress` names. It tells of each new one by
 * `iceselectedtuplechange`, whether that tuple is selected or not, and holds what comes from there meanwhile.
 * To be called before anybody knows the transport's ICE parameters. False for a worker without that patch,
 * which takes media from whoever passes its ICE check.
 */
export async function judgeAddresses(transport: types.WebRtcTransport): Promise<boolean> {
  const channel = channelOf(transport);
  if (channel === undefined) return false;
  try {
    await channel.request(METHOD, undefined, undefined, `${transport.id}/addresses`);
    return true;
  } catch (error) {
    // Of a transport that is there, what is not found is what our worker has within it.
    if (transport.closed || !(error instanceof errors.NotFoundError)) throw error;
    return false;
  }
}

/** Whether a worker can be told to judge addresses, by a transport that nobody knows of and that is closed again. */
export async function canJudgeAddresses(
  worker: types.Worker,
  options: types.WebRtcTransportOptions,
): Promise<boolean> {
  const router = await worker.createRouter();
  try {
    return await judgeAddresses(await router.createWebRtcTransport(options));
  } finally {
    router.close();
  }
}

/** Lets media in from a remote address, for as long as the transport lives. Harmless when it is in already. */
export async function admitAddress(transport: types.WebRtcTransport, remoteAddress: string): Promise<void> {
  const about = `${transport.id}/addresses/${remoteAddress}`;
  await channelOf(transport)?.request(METHOD, undefined, undefined, about);
}

/** The library shows its channel for its own tests only, so its shape is checked. */
function channelOf(transport: types.WebRtcTransport): RequestChannel | undefined {
  const channel: unknown = Reflect.get(transport, 'channelForTesting');
  return isRequestChannel(channel) ? channel : undefined;
}

function isRequestChannel(value: unknown): value is RequestChannel {
  return (
    typeof value === 'object' && value !== null && 'request' in value && typeof value.request === 'function'
  );
}
