import type { RoomState } from '../../../client/room-state.ts';
import type { PeerInfo } from '../../../protocol/state.ts';
import { avatar } from '../ui/avatar.ts';
import { iconButton, textButton } from '../ui/button.ts';
import { el, replaceChildren, setText } from '../ui/dom.ts';
import { icon } from '../ui/icons.ts';
import { closeButton } from './chat-panel.ts';

export interface PeopleActions {
  readonly onMute: (peerId: string) => void;
  readonly onRemove: (peerId: string) => void;
  readonly onMuteAll: () => void;
  readonly onLock: (locked: boolean) => void;
  readonly onEnd: () => void;
  readonly onAdmit: (peerId: string) => void;
  readonly onDeny: (peerId: string) => void;
  readonly onClose: () => void;
}

export interface PeopleState {
  readonly room: RoomState;
  /** One's own seat and microphone. */
  readonly self: { readonly muted: boolean; readonly datacenter: string; readonly region: string };
}

export interface PeoplePanel {
  readonly element: HTMLElement;
  update(state: PeopleState): void;
}

/** Who is here, where they are served, and what a host may do. */
export function createPeoplePanel(actions: PeopleActions): PeoplePanel {
  const count = el('span', { class: 'count', testid: 'people-count' });
  const waiting = el('section', {
    class: 'waiting',
    testid: 'waiting',
    attrs: { 'aria-label': 'Waiting to be let in' },
  });
  const list = el('ul', { class: 'people-list', testid: 'people-list' });
  const lock = textButton({
    label: 'Lock',
    testid: 'lock-room',
    icon: 'lock',
    onClick: () => actions.onLock(!locked),
  });
  const muteAll = textButton({
    label: 'Mute all',
    testid: 'mute-all',
    icon: 'micOff',
    onClick: actions.onMuteAll,
  });
  const end = textButton({
    label: 'End for all',
    testid: 'end-room',
    kind: 'danger',
    icon: 'end',
    onClick: actions.onEnd,
  });
  const host = el('div', { class: 'host-actions', testid: 'host-actions' }, muteAll, lock, end);
  let locked = false;
  /** Lists are built again only when they differ: a press must find its button still there. */
  let drawn = '';

  return {
    element: el(
      'aside',
      { class: 'panel people', testid: 'people-panel', attrs: { 'aria-label': 'People' } },
      el(
        'div',
        { class: 'panel-head' },
        el('h2', {}, 'People ', count),
        closeButton('people-close', actions.onClose),
      ),
      waiting,
      list,
      host,
    ),
    update({ room, self }) {
      const isHost = room.role === 'host';
      const key = JSON.stringify([
        [...room.peers.values()],
        [...room.waiting],
        room.role,
        room.displayName,
        self,
      ]);
      setText(count, String(room.peers.size + 1));
      host.hidden = !isHost;
      locked = room.room.locked;
      const label = lock.querySelector('span');
      if (label !== null) setText(label, locked ? 'Unlock' : 'Lock');
      lock.setAttribute('aria-pressed', String(locked));
      if (key === drawn) return;
      drawn = key;
      const me: PeerInfo = {
        peerId: room.peerId,
        displayName: room.displayName,
        role: room.role,
        datacenter: self.datacenter,
        region: self.region,
        producers: [],
      };
      replaceChildren(
        list,
        person(me, { self: true, muted: self.muted, host: false }, actions),
        ...[...room.peers.values()].map((peer) =>
          person(peer, { self: false, muted: isMuted(peer), host: isHost }, actions),
        ),
      );
      const wait = isHost ? [...room.waiting] : [];
      waiting.hidden = wait.length === 0;
      replaceChildren(
        waiting,
        el('h3', {}, 'Waiting to be let in'),
        ...wait.map(([peerId, displayName]) => waiter(peerId, displayName, actions)),
      );
    },
  };
}

function isMuted(peer: PeerInfo): boolean {
  const microphone = peer.producers.find(({ source }) => source === 'microphone');
  return microphone === undefined || microphone.paused;
}

function person(
  peer: PeerInfo,
  state: { self: boolean; muted: boolean; host: boolean },
  actions: PeopleActions,
): HTMLElement {
  const { self, muted, host } = state;
  const mute = iconButton({
    icon: 'mic',
    label: `Mute ${peer.displayName}`,
    testid: 'mute-peer',
    class: 'small tip-left',
    onClick: () => actions.onMute(peer.peerId),
  });
  const remove = iconButton({
    icon: 'remove',
    label: `Remove ${peer.displayName}`,
    testid: 'remove-peer',
    class: 'small tip-left',
    onClick: () => actions.onRemove(peer.peerId),
  });
  return el(
    'li',
    { class: 'person', testid: 'person', attrs: { 'data-peer': peer.peerId } },
    avatar(peer.displayName, peer.peerId),
    el(
      'div',
      { class: 'person-text' },
      el(
        'div',
        { class: 'person-name' },
        el('span', {}, peer.displayName),
        self ? el('span', { class: 'chip' }, 'you') : null,
        peer.role === 'host' ? el('span', { class: 'chip accent' }, 'host') : null,
      ),
      el('div', { class: 'person-seat' }, [...new Set([peer.datacenter, peer.region])].join(' · ')),
    ),
    muted
      ? el('span', { class: 'person-muted', attrs: { role: 'img', 'aria-label': 'Muted' } }, icon('micOff'))
      : null,
    host && !muted ? mute.element : null,
    host ? remove.element : null,
  );
}

function waiter(peerId: string, displayName: string, actions: PeopleActions): HTMLElement {
  return el(
    'div',
    { class: 'person', testid: 'waiting-peer', attrs: { 'data-peer': peerId } },
    avatar(displayName, peerId),
    el('div', { class: 'person-text' }, el('div', { class: 'person-name' }, el('span', {}, displayName))),
    textButton({ label: 'Deny', testid: 'deny-peer', kind: 'quiet', onClick: () => actions.onDeny(peerId) }),
    textButton({
      label: 'Admit',
      testid: 'admit-peer',
      kind: 'primary',
      onClick: () => actions.onAdmit(peerId),
    }),
  );
}
