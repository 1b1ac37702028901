import type { Problem } from '../../../client/problem.ts';
import type { LocalKind, LocalMedia } from '../devices/local-media.ts';
import type { Settings } from '../settings.ts';
import type { CallClient } from './call-client.ts';

/**
 * Keeps what is published equal to what the person's devices give: one change after the other for each device,
 * and always towards the state of the moment, so that quick presses end where the last one wanted.
 */
export class OwnMedia {
  readonly #client: CallClient;
  readonly #media: LocalMedia;
  readonly #settings: Settings;
  readonly #onProblem: (kind: LocalKind, problem: Problem) => void;
  readonly #busy = new Set<LocalKind>();
  readonly #again = new Set<LocalKind>();
  readonly #offs: (() => void)[];
  #closed = false;

  constructor(
    client: CallClient,
    media: LocalMedia,
    settings: Settings,
    onProblem: (kind: LocalKind, problem: Problem) => void,
  ) {
    this.#settings = settings;
    this.#client = client;
    this.#media = media;
    this.#onProblem = onProblem;
    this.#offs = [
      media.on('changed', (kind) => void this.#sync(kind)),
      // A host muted us: the switch follows, so that unmuting is a press away.
      client.on('muted', ({ source }) => {
        if (source === 'microphone' || source === 'camera') void media.set(source, false);
      }),
      // The node does not take it: the same, with the reason.
      client.on('publicationFailed', (source, problem) => {
        if (source !== 'microphone' && source !== 'camera') return;
        void media.set(source, false);
        onProblem(source, problem);
      }),
    ];
    void this.#sync('microphone');
    void this.#sync('camera');
  }

  close(): void {
    this.#closed = true;
    for (const off of this.#offs) off();
  }

  async #sync(kind: LocalKind): Promise<void> {
    if (this.#busy.has(kind)) {
      this.#again.add(kind);
      return;
    }
    this.#busy.add(kind);
    do {
      this.#again.delete(kind);
      const outcome = await this.#step(kind);
      if (this.#closed) break;
      if (!outcome.ok) this.#onProblem(kind, outcome.problem);
    } while (this.#again.has(kind));
    this.#busy.delete(kind);
  }

  async #step(kind: LocalKind): Promise<{ ok: true } | { ok: false; problem: Problem }> {
    const { wanted, track, starting } = this.#media[kind];
    const published = this.#client.publications.find(({ source }) => source === kind);
    // While another device starts, the old one plays on.
    if (starting) return { ok: true };
    const step = nextStep(wishOf(kind, wanted, track), published);
    switch (step) {
      case 'nothing':
        return { ok: true };
      case 'unpublish':
        return this.#client.unpublish(kind);
      case 'pause':
      case 'resume':
        return this.#client.setPaused(kind, step === 'pause');
      case 'publish':
      case 'replace':
        return track === null ? { ok: true } : this.#bring(kind, track, !wanted, step);
    }
  }

  async #bring(kind: LocalKind, track: MediaStreamTrack, paused: boolean, step: 'publish' | 'replace') {
    if (step === 'replace') {
      // The mute of the new one is settled in a second step.
      this.#again.add(kind);
      return this.#client.replaceTrack(kind, track);
    }
    const codec = this.#settings.get('codec');
    return this.#client.publish(track, {
      source: kind,
      paused,
      ...(kind === 'camera' && codec !== 'auto' && { codec }),
    });
  }
}

/** The one change that brings what is published closer to the wish. Tracks are compared by identity. */
export function nextStep<T>(
  wish: { readonly track: T; readonly paused: boolean } | null,
  published: { readonly track: T; readonly paused: boolean } | undefined,
): 'nothing' | 'publish' | 'unpublish' | 'replace' | 'pause' | 'resume' {
  if (wish === null) return published === undefined ? 'nothing' : 'unpublish';
  if (published === undefined) return 'publish';
  if (published.track !== wish.track) return 'replace';
  if (published.paused === wish.paused) return 'nothing';
  return wish.paused ? 'pause' : 'resume';
}

/** A camera that is off is not published; a microphone that is muted is, paused, so that it is quick to unmute. */
export function wishOf<T>(
  kind: LocalKind,
  wanted: boolean,
  track: T | null,
): { readonly track: T; readonly paused: boolean } | null {
  if (track === null) return null;
  if (kind === 'camera') return wanted ? { track, paused: false } : null;
  return { track, paused: !wanted };
}
