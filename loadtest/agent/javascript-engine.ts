import { monitorEventLoopDelay } from 'node:perf_hooks';
import { cleanup } from 'node-datachannel';
import { syntheticHandlerFactory } from '../participant/handler.ts';
import { SyntheticTrack } from '../participant/synthetic-track.ts';
import { sentTotals } from '../participant/totals.ts';
import { type MediaEngine, publishingOf } from './engine.ts';

/** Over node-datachannel, in this process: runs everywhere, and costs JavaScript for every packet. */
export function javascriptEngine(): MediaEngine {
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  const metersOf = <T>(tracks: readonly MediaStreamTrack[], read: (track: SyntheticTrack) => T | undefined) =>
    new Map(
      tracks.flatMap((track): [MediaStreamTrack, T][] => {
        const value = track instanceof SyntheticTrack ? read(track) : undefined;
        return value === undefined ? [] : [[track, value]];
      }),
    );
  return {
    name: 'javascript',
    pid: null,
    handlerFactory: (options) => syntheticHandlerFactory(options),
    ownTrack(publishing) {
      const { options, kind, frameRate, height, bytes } = publishingOf(publishing);
      const shape = {
        kind,
        frameRate,
        height,
        width: Math.round((height * 16) / 9 / 2) * 2,
        audioBytes: bytes,
        fill: 1,
      };
      return { track: new SyntheticTrack(shape), options };
    },
    read: async (tracks) => metersOf(tracks, ({ meter }) => meter?.read()),
    pulse: async (tracks) => metersOf(tracks, ({ meter }) => meter?.packets),
    sent: async () => ({ ...sentTotals }),
    async lateness() {
      const late = delay.percentile(99) / 1000;
      delay.reset();
      return Math.max(0, late - 10_000);
    },
    async close() {
      delay.disable();
      cleanup();
    },
  };
}
