import type { Problem } from '../../../client/problem.ts';
import { describeMediaError, type MediaProblem } from '../devices/media-problem.ts';
import type { CallClient } from './call-client.ts';

type Publisher = Pick<CallClient, 'on' | 'publish' | 'unpublish'>;

const CAPTURE = { video: { frameRate: { ideal: 15, max: 30 } }, audio: true };

/** Sharing of one's own screen, window or tab, with its sound where the browser offers that. */
export class ScreenShare {
  readonly #client: Publisher;
  readonly #onChange: () => void;
  #track: MediaStreamTrack | null = null;
  #starting = false;

  constructor(client: Publisher, onChange: () => void, onProblem: (problem: Problem) => void) {
    this.#client = client;
    this.#onChange = onChange;
    client.on('publicationFailed', (source, problem) => {
      if (source !== 'screen' && source !== 'screenAudio') return;
      onProblem(problem);
      void this.stop();
    });
  }

  /** False on telephones. */
  static get supported(): boolean {
    return (
      window.isSecureContext && 'mediaDevices' in navigator && 'getDisplayMedia' in navigator.mediaDevices
    );
  }

  get track(): MediaStreamTrack | null {
    return this.#track;
  }

  /** Asks what to share, and shares it. Resolves with what went wrong; null also when the person thought better. */
  async start(): Promise<MediaProblem | null> {
    if (this.#track !== null || this.#starting) return null;
    this.#starting = true;
    let stream: MediaStream;
    try {
      stream = await navigator.mediaDevices.getDisplayMedia(CAPTURE);
    } catch (error) {
      // Closing the browser's dialog is no error.
      if (error instanceof DOMException && error.name === 'NotAllowedError') return null;
      return describeMediaError(error, 'screen');
    } finally {
      this.#starting = false;
    }
    const [video] = stream.getVideoTracks();
    const [audio] = stream.getAudioTracks();
    if (video === undefined) return describeMediaError(new DOMException('', 'NotFoundError'), 'screen');
    // Text rather than motion: keep the resolution, and let the frame rate fall.
    video.contentHint = 'detail';
    this.#track = video;
    video.addEventListener('ended', () => void this.stop());
    this.#onChange();
    const published = await this.#client.publish(video, { source: 'screen' });
    // Stopped meanwhile: its sound is not shared after it, and that it was not published is no news.
    const stopped = this.#track !== video;
    if (stopped || !published.ok) audio?.stop();
    if (stopped) return null;
    if (!published.ok) {
      await this.stop();
      return { code: 'unavailable', title: 'The screen cannot be shared', advice: published.problem.message };
    }
    if (audio !== undefined) await this.#client.publish(audio, { source: 'screenAudio' });
    return null;
  }

  async stop(): Promise<void> {
    const track = this.#track;
    if (track === null) return;
    this.#track = null;
    track.stop();
    this.#onChange();
    await this.#client.unpublish('screen');
    await this.#client.unpublish('screenAudio');
  }
}
