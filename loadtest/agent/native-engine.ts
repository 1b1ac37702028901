import type { FlowReading } from '../measure/flow.ts';
import { Generator } from '../native/generator.ts';
import type { GeneratorFlows } from '../native/messages.ts';
import { estimatingCapabilities } from '../participant/capabilities.ts';
import { SyntheticTrack } from '../participant/synthetic-track.ts';
import { type MediaEngine, publishingOf } from './engine.ts';
import { NativeHandler } from './native-handler.ts';
import { Shapes } from './native-shapes.ts';

/** Streams that ended whose last figures are kept until somebody asks for them. */
const MOST_KEPT = 20_000;

/** Over the native generator: no JavaScript runs for a packet. Rejects where it cannot be built or started. */
export async function nativeEngine(onDied: (error: Error) => void): Promise<MediaEngine> {
  const states = new Map<string, (state: string) => void>();
  const generator = await Generator.start({
    onState: ({ transport, state }) => states.get(transport)?.(state),
    onDied,
  });
  const shapes = new Shapes(generator);
  /** Receivers by the track that came of them. */
  const receivers = new WeakMap<MediaStreamTrack, string>();
  let transports = 0;
  let lateness = 0;
  let sent = { packets: 0, bytes: 0 };
  /** Latencies that were read together with somebody else's, until their own turn. */
  const waiting = new Map<string, [number, number][]>();
  /** Of receivers that may be gone by their turn. */
  let before: GeneratorFlows['flows'] = {};
  const last = new Map<string, GeneratorFlows['flows'][string]>();
  const forget = (kept: Map<string, unknown>): void => {
    // Oldest first; nobody asks for what is so old.
    for (const name of kept.keys()) {
      if (kept.size <= MOST_KEPT) return;
      kept.delete(name);
    }
  };

  const flowsNow = async (): Promise<GeneratorFlows['flows']> => {
    const answer = await generator.flows({ reset: true });
    lateness = Math.max(lateness, answer.lateness);
    sent = { packets: answer.sent, bytes: answer.sentBytes };
    for (const [name, flow] of Object.entries(before)) if (!(name in answer.flows)) last.set(name, flow);
    before = answer.flows;
    forget(last);
    forget(waiting);
    for (const [name, flow] of Object.entries(answer.flows)) {
      if (flow[8].length > 0) waiting.set(name, [...(waiting.get(name) ?? []), ...flow[8]]);
    }
    return answer.flows;
  };

  const readingOf = (name: string, flows: GeneratorFlows['flows']): FlowReading | undefined => {
    const flow = flows[name] ?? last.get(name);
    if (flow === undefined) return undefined;
    last.delete(name);
    const latency = waiting.get(name) ?? [];
    waiting.delete(name);
    const [packets, bytes, missing, frames, keyFrames, freezes, first, jitter] = flow;
    const firstPacketMs = first === null ? null : first / 1000;
    return { packets, bytes, missing, frames, keyFrames, freezes, firstPacketMs, jitter, latency };
  };

  return {
    name: 'native',
    pid: generator.pid,
    handlerFactory: ({ bindAddress, route }) => ({
      name: 'NativeParticipant',
      factory: (options) => {
        const transport = `t${++transports}`;
        return new NativeHandler(options, {
          generator,
          shapes,
          transport,
          bindAddress,
          ...(route !== undefined && { route }),
          onReceiver: (track, name) => receivers.set(track, name),
          watch: (listener) => {
            if (listener === null) states.delete(transport);
            else states.set(transport, listener);
          },
        });
      },
      getNativeRtpCapabilities: async () => estimatingCapabilities(),
    }),
    ownTrack(publishing) {
      const { options, kind, frameRate, height, bytes } = publishingOf(publishing);
      const width = Math.round((height * 16) / 9 / 2) * 2;
      return {
        track: new SyntheticTrack({ kind, frameRate, height, width, audioBytes: bytes, fill: 1 }),
        options,
      };
    },
    async read(tracks) {
      const flows = await flowsNow();
      return new Map(
        tracks.flatMap((track): [MediaStreamTrack, FlowReading][] => {
          const name = receivers.get(track);
          const flow = name === undefined ? undefined : readingOf(name, flows);
          return flow === undefined ? [] : [[track, flow]];
        }),
      );
    },
    async pulse(tracks) {
      const { flows } = await generator.flows();
      return new Map(
        tracks.flatMap((track): [MediaStreamTrack, number][] => {
          const flow = flows[receivers.get(track) ?? ''];
          return flow === undefined ? [] : [[track, flow[0]]];
        }),
      );
    },
    sent: async () => sent,
    async lateness() {
      const late = lateness;
      lateness = 0;
      return late;
    },
    close: () => generator.close(),
  };
}
