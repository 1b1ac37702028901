import { type LevelMeter, meterLevel } from '../devices/level-meter.ts';
import type { LocalKind, LocalMedia } from '../devices/local-media.ts';
import type { MediaProblem } from '../devices/media-problem.ts';
import type { Settings } from '../settings.ts';
import { avatar } from '../ui/avatar.ts';
import { iconButton } from '../ui/button.ts';
import { el, replaceChildren, setText } from '../ui/dom.ts';
import { icon } from '../ui/icons.ts';

const METER_BARS = 5;

export interface Preview {
  readonly element: HTMLElement;
  /** Whose initials to show while the camera is off. */
  setName(name: string): void;
  /** Switches a device, and remembers it for the next time. */
  toggle(kind: LocalKind): void;
  /** Shows what the settings say now. */
  update(): void;
  close(): void;
}

/** What others will see and hear: own camera (mirrored), level of the microphone, and the two switches. */
export function createPreview(media: LocalMedia, settings: Settings): Preview {
  let name = '';
  let meter: LevelMeter | undefined;
  let metered: MediaStreamTrack | null = null;

  const video = el('video', {
    class: 'mirrored',
    testid: 'preview-video',
    attrs: {
      muted: true,
      autoplay: true,
      playsinline: true,
      'aria-label': 'Your camera',
      'data-source': 'camera',
    },
  });
  video.muted = true;
  const face = el('div', { class: 'preview-off' });
  const status = el('p', { class: 'preview-status', testid: 'preview-status' });
  const bars = Array.from({ length: METER_BARS }, () => el('i'));
  const level = el(
    'div',
    {
      class: 'level',
      testid: 'mic-level',
      attrs: {
        role: 'meter',
        'aria-label': 'Microphone level',
        'aria-valuemin': 0,
        'aria-valuemax': 100,
        'aria-valuenow': 0,
      },
    },
    ...bars,
  );
  const problems = el('div', { class: 'problems', attrs: { 'aria-live': 'polite' } });

  const toggle = (kind: LocalKind) => {
    const on = !media[kind].wanted;
    settings.set(kind, on ? 'on' : 'off');
    void media.set(kind, on);
  };
  const mic = iconButton({
    icon: 'mic',
    label: 'Microphone',
    testid: 'lobby-mic',
    shortcut: 'm',
    onClick: () => toggle('microphone'),
  });
  const cam = iconButton({
    icon: 'camera',
    label: 'Camera',
    testid: 'lobby-camera',
    shortcut: 'v',
    onClick: () => toggle('camera'),
  });

  const showLevel = (value: number) => {
    for (const [index, bar] of bars.entries()) bar.classList.toggle('lit', value * METER_BARS > index + 0.15);
    level.setAttribute('aria-valuenow', String(Math.round(value * 100)));
  };
  const meterOf = (track: MediaStreamTrack | null) => {
    if (track === metered) return;
    meter?.close();
    meter = undefined;
    metered = track;
    showLevel(0);
    if (track !== null) meter = meterLevel(track, showLevel);
  };

  const update = () => {
    const { camera, microphone } = media;
    const shortcuts = settings.get('shortcuts') === 'on';
    const shown = camera.wanted ? camera.track : null;
    const current = video.srcObject instanceof MediaStream ? video.srcObject.getVideoTracks()[0] : undefined;
    if (current !== (shown ?? undefined)) video.srcObject = shown === null ? null : new MediaStream([shown]);
    video.hidden = shown === null;
    face.hidden = shown !== null;
    setText(status, camera.starting ? 'Starting the camera…' : 'The camera is off');
    replaceChildren(face, avatar(name || '?', name), status);
    mic.update({
      icon: media.audible ? 'mic' : 'micOff',
      active: !microphone.wanted,
      pressed: microphone.wanted,
      shortcuts,
    });
    cam.update({
      icon: camera.wanted ? 'camera' : 'cameraOff',
      active: !camera.wanted,
      pressed: camera.wanted,
      shortcuts,
    });
    level.classList.toggle('off', !media.audible);
    meterOf(media.audible ? microphone.track : null);
    replaceChildren(problems, ...problemNotes(camera.problem, microphone.problem));
  };
  const off = media.on('changed', update);
  update();

  return {
    element: el(
      'div',
      { class: 'preview-column' },
      el(
        'div',
        { class: 'preview', testid: 'preview' },
        video,
        face,
        level,
        el('div', { class: 'preview-controls' }, mic.element, cam.element),
      ),
      problems,
    ),
    toggle,
    update,
    setName(next) {
      name = next;
      const disc = face.querySelector('.avatar');
      disc?.replaceWith(avatar(name || '?', name));
    },
    close() {
      off();
      meterOf(null);
      video.srcObject = null;
    },
  };
}

/** One note for each distinct problem: an insecure page has the same one for both devices. */
function problemNotes(...problems: (MediaProblem | null)[]): HTMLElement[] {
  const seen = new Set<string>();
  return problems.flatMap((problem) => {
    if (problem === null || seen.has(problem.title)) return [];
    seen.add(problem.title);
    return el(
      'div',
      { class: 'note warning', testid: 'media-problem', attrs: { 'data-code': problem.code } },
      icon('alert'),
      el('div', {}, el('strong', {}, problem.title), el('p', {}, problem.advice)),
    );
  });
}
