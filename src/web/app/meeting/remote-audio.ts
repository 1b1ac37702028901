import { el } from '../ui/dom.ts';

/** One sound to be heard: an audio consumer of somebody else. */
export interface RemoteSound {
  readonly consumerId: string;
  readonly peerId: string;
  readonly source: string;
  readonly track: MediaStreamTrack;
}

export interface RemoteAudio {
  /** Holds the audio elements; nothing of it is seen. */
  readonly element: HTMLElement;
  update(sounds: readonly RemoteSound[]): void;
  setSpeaker(deviceId: string): void;
  /** Tries again what the browser would not start by itself; call it from a click. */
  unlock(): void;
  close(): void;
}

/**
 * Plays every remote microphone and screen sound, one audio element each. `onBlocked(true)` when the browser
 * wants a click first (autoplay policy), `onBlocked(false)` once everything plays.
 */
export function createRemoteAudio(speakerId: string, onBlocked: (blocked: boolean) => void): RemoteAudio {
  const playing = new Map<string, { audio: HTMLAudioElement; track: MediaStreamTrack }>();
  const blocked = new Set<HTMLAudioElement>();
  const element = el('div', { class: 'remote-audio', attrs: { hidden: true } });
  let speaker = speakerId;

  const route = (audio: HTMLAudioElement) => {
    if (!('setSinkId' in audio) || audio.sinkId === speaker) return;
    // A speaker that was unplugged since: the default one plays.
    void audio.setSinkId(speaker).catch(() => undefined);
  };
  const start = async (audio: HTMLAudioElement) => {
    try {
      await audio.play();
      if (blocked.delete(audio) && blocked.size === 0) onBlocked(false);
    } catch (error) {
      // AbortError only says that the element was given something else to play meanwhile.
      if (!(error instanceof DOMException) || error.name !== 'NotAllowedError') return;
      blocked.add(audio);
      onBlocked(true);
    }
  };
  const stop = (consumerId: string) => {
    const entry = playing.get(consumerId);
    if (entry === undefined) return;
    playing.delete(consumerId);
    entry.audio.srcObject = null;
    entry.audio.remove();
    if (blocked.delete(entry.audio) && blocked.size === 0) onBlocked(false);
  };

  return {
    element,
    update(sounds) {
      const wanted = new Set(sounds.map(({ consumerId }) => consumerId));
      for (const consumerId of [...playing.keys()]) if (!wanted.has(consumerId)) stop(consumerId);
      for (const sound of sounds) {
        const entry = playing.get(sound.consumerId);
        if (entry?.track === sound.track) continue;
        stop(sound.consumerId);
        const audio = el('audio', {
          testid: 'remote-audio',
          attrs: { autoplay: true, 'data-peer': sound.peerId, 'data-source': sound.source },
        });
        audio.srcObject = new MediaStream([sound.track]);
        playing.set(sound.consumerId, { audio, track: sound.track });
        element.append(audio);
        route(audio);
        void start(audio);
      }
    },
    setSpeaker(deviceId) {
      speaker = deviceId;
      for (const { audio } of playing.values()) route(audio);
    },
    unlock() {
      for (const audio of [...blocked]) void start(audio);
    },
    close() {
      for (const consumerId of [...playing.keys()]) stop(consumerId);
    },
  };
}
