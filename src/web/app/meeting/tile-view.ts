import { avatar } from '../ui/avatar.ts';
import { iconButton } from '../ui/button.ts';
import { el, setText } from '../ui/dom.ts';
import { icon } from '../ui/icons.ts';
import type { Place } from './arrange.ts';
import type { Box } from './layout.ts';
import type { Dark, TileModel } from './tiles.ts';

export interface TileActions {
  readonly onPin: (id: string) => void;
  /** Absent where this person may not do it. */
  readonly onMute: (peerId: string) => void;
  readonly onRemove: (peerId: string) => void;
}

export interface TileState {
  readonly tile: TileModel;
  readonly box: Box;
  readonly place: Place;
  readonly pinned: boolean;
  /** There is something to be larger than. */
  readonly pinnable: boolean;
  readonly track: MediaStreamTrack | null;
  /** This person is a host, and may act on others. */
  readonly host: boolean;
}

export interface TileView {
  readonly element: HTMLElement;
  update(state: TileState): void;
  close(): void;
}

const DARK: Record<Dark, string> = {
  off: '',
  starting: 'Connecting…',
  lastN: 'Video paused: many people are here',
  reconnecting: 'Reconnecting…',
};

/** One person or one shared screen: picture or initials, name, microphone, and what a host may do about it. */
export function createTileView(first: TileModel, actions: TileActions): TileView {
  const video = el('video', {
    testid: 'tile-video',
    attrs: {
      autoplay: true,
      playsinline: true,
      'data-peer': first.peerId,
      'data-source': first.source,
      disablepictureinpicture: true,
    },
  });
  // Sound comes from the audio elements of remote-audio.ts: a muted video may always start by itself.
  video.muted = true;
  video.addEventListener('loadeddata', () => element.classList.add('has-picture'));

  const face = el('div', { class: 'tile-face' });
  const note = el('span', { class: 'tile-note' });
  const name = el('span', { class: 'tile-name' });
  const mic = el(
    'span',
    { class: 'tile-mic', testid: 'tile-muted', attrs: { role: 'img', 'aria-label': 'Muted' } },
    icon('micOff'),
  );
  const voice = el(
    'span',
    { class: 'tile-voice', attrs: { 'aria-hidden': true } },
    el('i'),
    el('i'),
    el('i'),
  );
  const screenMark = el('span', { class: 'tile-screen', attrs: { 'aria-hidden': true } }, icon('screen'));
  const tag = el('div', { class: 'tile-tag' }, mic, voice, screenMark, name);

  const pin = iconButton({
    icon: 'pin',
    label: 'Show large',
    testid: 'pin',
    class: 'small tip-below',
    onClick: () => actions.onPin(first.id),
  });
  const mute = iconButton({
    icon: 'micOff',
    label: 'Mute for everyone',
    testid: 'tile-mute',
    class: 'small tip-below',
    onClick: () => actions.onMute(first.peerId),
  });
  const remove = iconButton({
    icon: 'remove',
    label: 'Remove from the meeting',
    testid: 'tile-remove',
    class: 'small tip-below',
    onClick: () => actions.onRemove(first.peerId),
  });
  const element = el(
    'article',
    {
      class: 'tile',
      testid: 'tile',
      attrs: { 'data-peer': first.peerId, 'data-source': first.source, 'data-self': String(first.self) },
    },
    video,
    face,
    note,
    tag,
    el('div', { class: 'tile-actions' }, pin.element, mute.element, remove.element),
  );

  let shown: MediaStreamTrack | null = null;
  let faceOf = '';
  const show = (track: MediaStreamTrack | null) => {
    if (track === shown) return;
    shown = track;
    element.classList.remove('has-picture');
    video.srcObject = track === null ? null : new MediaStream([track]);
    if (track !== null) void video.play().catch(() => undefined);
  };
  const showFace = (tile: TileModel) => {
    if (faceOf === tile.name) return;
    faceOf = tile.name;
    face.replaceChildren(avatar(tile.name, tile.peerId));
  };

  return {
    element,
    update({ tile, box, place, pinned, pinnable, track, host }) {
      const picture = tile.dark === null ? track : null;
      show(picture);
      showFace(tile);
      video.hidden = picture === null;
      setText(note, tile.dark === null ? '' : DARK[tile.dark]);
      note.hidden = note.textContent === '';
      const who = tile.self ? 'You' : tile.name;
      setText(name, tile.source === 'screen' ? `${tile.self ? 'Your' : `${tile.name}'s`} screen` : who);
      mic.hidden = !tile.muted;
      voice.hidden = tile.muted || !tile.speaking;
      screenMark.hidden = tile.source !== 'screen';

      element.dataset.place = place;
      const { classList } = element;
      classList.toggle('speaking', tile.speaking);
      classList.toggle('dominant', tile.dominant);
      classList.toggle('mirrored-video', tile.self && tile.source === 'camera');
      classList.toggle('fit', tile.source === 'screen' || place === 'stage');
      classList.toggle('small', box.width < 200);
      classList.toggle('tiny', box.width < 120);
      element.setAttribute('aria-label', describe(tile));

      const { style } = element;
      style.transform = `translate(${box.x.toFixed(1)}px, ${box.y.toFixed(1)}px)`;
      style.width = `${box.width.toFixed(1)}px`;
      style.height = `${box.height.toFixed(1)}px`;

      pin.element.hidden = !pinnable;
      pin.update({ pressed: pinned });
      pin.element.classList.toggle('on', pinned);
      mute.element.hidden = !host || tile.self || tile.muted || tile.source === 'screen';
      remove.element.hidden = !host || tile.self || tile.source === 'screen';
    },
    close() {
      video.srcObject = null;
      element.remove();
    },
  };
}

function describe(tile: TileModel): string {
  if (tile.source === 'screen') return tile.self ? 'Your screen' : `Screen of ${tile.name}`;
  const parts = [tile.self ? 'You' : tile.name];
  if (tile.muted) parts.push('muted');
  if (tile.speaking) parts.push('speaking');
  if (tile.dark === 'off') parts.push('camera off');
  return parts.join(', ');
}
