import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { SyntheticTrack } from '../../../../loadtest/participant/synthetic-track.ts';
import type { CallClient } from './call-client.ts';
import { ScreenShare } from './screen-share.ts';

type Outcome = Awaited<ReturnType<CallClient['publish']>>;

/** A tab with its sound, which the person has chosen to share. */
let video: SyntheticTrack;
let audio: SyntheticTrack;
/** What is published, in order, and how the client is made to answer. */
let published: string[];
let answer: (outcome: Outcome) => void;

const client: Pick<CallClient, 'on' | 'publish' | 'unpublish'> = {
  on: () => () => undefined,
  publish: (track, { source }) => {
    published.push(source);
    return new Promise((resolve) => {
      answer = resolve;
      if (source === 'screenAudio') resolve(success(track, source));
    });
  },
  unpublish: async () => ({ ok: true, value: undefined }),
};

function success(track: MediaStreamTrack, source: 'screen' | 'screenAudio'): Outcome {
  return {
    ok: true,
    value: { source, producerId: null, track, paused: false, pausedBy: null, wantedLayer: undefined },
  };
}

beforeEach(() => {
  published = [];
  video = new SyntheticTrack({ kind: 'video' });
  audio = new SyntheticTrack({ kind: 'audio' });
  const stream = { getVideoTracks: () => [video], getAudioTracks: () => [audio] };
  vi.stubGlobal('navigator', { mediaDevices: { getDisplayMedia: async () => stream } });
});
afterEach(() => {
  vi.unstubAllGlobals();
  video.stop();
  audio.stop();
});

async function beginSharing() {
  const share = new ScreenShare(client, vi.fn(), vi.fn());
  const begun = share.start();
  await vi.waitFor(() => expect(published).toEqual(['screen']));
  return { share, begun };
}

it('shares a tab with its sound', async () => {
  const { share, begun } = await beginSharing();
  answer(success(video, 'screen'));
  expect(await begun).toBeNull();
  expect(share.track).toBe(video);
  expect(published).toEqual(['screen', 'screenAudio']);
});

it.each([
  ['was', () => success(video, 'screen')],
  ['was not', (): Outcome => ({ ok: false, problem: { code: 'closed', message: '', retry: false } })],
])('does not share the sound of what was stopped while its picture %s published', async (_how, outcome) => {
  const { share, begun } = await beginSharing();
  await share.stop();
  answer(outcome());
  expect(await begun).toBeNull();
  expect(published).toEqual(['screen']);
  expect(audio.readyState).toBe('ended');
});
