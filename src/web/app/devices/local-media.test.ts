import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { SyntheticTrack } from '../../../../loadtest/participant/synthetic-track.ts';
import { loadSettings } from '../settings.ts';
import { LocalMedia } from './local-media.ts';

const opened: SyntheticTrack[] = [];

beforeEach(() => {
  const mediaDevices = {
    addEventListener: () => undefined,
    removeEventListener: () => undefined,
    enumerateDevices: async () => [],
    getUserMedia: async () => {
      const track = new SyntheticTrack({ kind: 'audio' });
      opened.push(track);
      return { getTracks: () => [track] };
    },
  };
  vi.stubGlobal('navigator', { mediaDevices });
  vi.stubGlobal('window', { isSecureContext: true, RTCPeerConnection: class {} });
});
afterEach(() => {
  vi.unstubAllGlobals();
  opened.length = 0;
});

function localMedia(): LocalMedia {
  return new LocalMedia(
    loadSettings(() => {
      throw new Error('no storage');
    }),
  );
}

it('keeps the track of a muted microphone, silent', async () => {
  const media = localMedia();
  await media.set('microphone', true);
  await media.set('microphone', false);
  expect(media.microphone).toMatchObject({ wanted: false, track: opened[0] });
  expect(opened[0]).toMatchObject({ enabled: false, readyState: 'live' });
  media.close();
});

it('lets go of a track that was stopped when its publication was given up, and opens another', async () => {
  const media = localMedia();
  await media.set('microphone', true);
  opened[0]?.stop();
  await media.set('microphone', false);
  expect(media.microphone.track).toBeNull();
  await media.set('microphone', true);
  expect(media.microphone.track).toBe(opened[1]);
  media.close();
});
