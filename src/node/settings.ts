import type { NodeConfig } from '../config/schema.ts';
import type { MediaOptions, PipeOptions } from '../media/types.ts';
import type { RoomLimits } from '../rooms/limits.ts';
import { DEFAULT_SIGNALING_LIMITS, type SignalingLimits } from '../signaling/limits.ts';

/** What of the configuration each part gets: the parts do not know the configuration's form. */

export function mediaOptions(
  { mode, media, cluster: { pipes } }: NodeConfig,
  workerBin: string,
): MediaOptions {
  const { workers, listen, basePort, udp, tcp, limits } = media;
  return {
    workerBin,
    mayTakeUnjudged: mode === 'development',
    workers,
    listen,
    basePort,
    enableUdp: udp,
    enableTcp: tcp,
    limits,
    ...(pipes !== null && { pipes: pipeOptions(pipes) }),
  };
}

function pipeOptions({
  ip,
  announced,
  portMin: min,
  portMax: max,
}: NonNullable<NodeConfig['cluster']['pipes']>): PipeOptions {
  return { ip, ...(announced !== undefined && { announced }), ports: { min, max } };
}

export function signalingLimits({ signaling }: NodeConfig): SignalingLimits {
  return {
    ...DEFAULT_SIGNALING_LIMITS,
    maxMessageBytes: signaling.maxMessageBytes,
    messages: { perSecond: signaling.messagesPerSecond, burst: signaling.messageBurst },
    requestsInFlight: signaling.requestsInFlight,
    firstMessageSeconds: signaling.firstMessageSeconds,
    maxBufferedBytes: signaling.maxBufferedBytes,
    resumeWindowSeconds: signaling.resumeSeconds,
    expiryWarningSeconds: signaling.expiryWarningSeconds,
    expiryGraceSeconds: signaling.expiryGraceSeconds,
  };
}

export function roomLimits({ rooms }: NodeConfig): RoomLimits {
  return rooms;
}

/** Where people find the page, and where clients connect. */
export function urlsOf({ http }: NodeConfig, port: number): { page: string; signaling: string } {
  const secure = http.tls === null ? '' : 's';
  const host = http.host.includes(':') ? `[${http.host}]` : http.host;
  const signaling = http.publicUrl ?? `ws${secure}://${host}:${port}`;
  return { signaling, page: signaling.replace(/^ws/, 'http') };
}
