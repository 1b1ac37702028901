import type { RoomState } from '../../../client/room-state.ts';
import type { PeerInfo } from '../../../protocol/state.ts';
import { avatar } from '../ui/avatar.ts';
import { iconButton, textButton } from '../ui/button.ts';
import { el, setAttribute, setText } from '../ui/dom.ts';
import { icon } from '../ui/icons.ts';
import { KeyedList, type Row } from '../ui/keyed-list.ts';
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
  /** Takes the focus, to its heading. */
  focus(): void;
}

/** One line of the list. */
interface Person {
  readonly peer: PeerInfo;
  readonly self: boolean;
  readonly muted: boolean;
  /** Whether the host's actions are offered. */
  readonly host: boolean;
}

/** Who is here, where they are served, and what a host may do. */
export function createPeoplePanel(actions: PeopleActions): PeoplePanel {
  const count = el('span', { class: 'count', testid: 'people-count' });
  const heading = el('h2', { testid: 'people-title', attrs: { tabindex: -1 } }, 'People ', count);
  const focus = () => heading.focus();
  const waiters = el('ul', { class: 'people-waiting' });
  const waiting = el(
    'section',
    { class: 'waiting', testid: 'waiting', attrs: { 'aria-label': 'Waiting to be let in' } },
    el('h3', {}, 'Waiting to be let in'),
    waiters,
  );
  const list = el('ul', { class: 'people-list', testid: 'people-list' });
  const people = new KeyedList<Person>(list, (person) => personRow(person, actions), focus);
  const queue = new KeyedList<string>(waiters, (name, peerId) => waiterRow(peerId, name, actions), focus);
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

  return {
    element: el(
      'aside',
      { class: 'panel people', testid: 'people-panel', attrs: { 'aria-label': 'People' } },
      el('div', { class: 'panel-head' }, heading, closeButton('people-close', actions.onClose)),
      waiting,
      list,
      host,
    ),
    focus,
    update({ room, self }) {
      const isHost = room.role === 'host';
      setText(count, String(room.peers.size + 1));
      host.hidden = !isHost;
      locked = room.room.locked;
      setAttribute(lock, 'aria-pressed', String(locked));
      const { peerId, displayName, role } = room;
      const me: PeerInfo = { peerId, displayName, role, producers: [], ...self };
      people.update(
        new Map([
          [peerId, { peer: me, self: true, muted: self.muted, host: false }],
          ...[...room.peers.values()].map((peer): [string, Person] => [
            peer.peerId,
            { peer, self: false, muted: isMuted(peer), host: isHost },
          ]),
        ]),
      );
      const wait: ReadonlyMap<string, string> = isHost ? room.waiting : new Map();
      queue.update(wait);
      waiting.hidden = wait.size === 0;
    },
  };
}

function isMuted(peer: PeerInfo): boolean {
  const microphone = peer.producers.find(({ source }) => source === 'microphone');
  return microphone === undefined || microphone.paused;
}

function personRow(person: Person, actions: PeopleActions): Row<Person> {
  const { peerId, displayName } = person.peer;
  // Who is muted stays muted: the button remains, so that who has just pressed it is still somewhere.
  const mute = iconButton({
    icon: 'mic',
    label: `Mute ${displayName}`,
    testid: 'mute-peer',
    class: 'small tip-left',
    onClick: () => {
      if (mute.element.getAttribute('aria-disabled') !== 'true') actions.onMute(peerId);
    },
  });
  const remove = iconButton({
    icon: 'remove',
    label: `Remove ${displayName}`,
    testid: 'remove-peer',
    class: 'small tip-left',
    onClick: () => actions.onRemove(peerId),
  });
  const you = el('span', { class: 'chip' }, 'you');
  const isHost = el('span', { class: 'chip accent' }, 'host');
  const seat = el('div', { class: 'person-seat' });
  const silent = el(
    'span',
    { class: 'person-muted', attrs: { role: 'img', 'aria-label': 'Muted' } },
    icon('micOff'),
  );
  return {
    element: el(
      'li',
      { class: 'person', testid: 'person', attrs: { 'data-peer': peerId } },
      avatar(displayName, peerId),
      el(
        'div',
        { class: 'person-text' },
        el('div', { class: 'person-name' }, el('span', {}, displayName), you, isHost),
        seat,
      ),
      silent,
      person.self ? null : mute.element,
      person.self ? null : remove.element,
    ),
    update({ peer, self, muted, host }) {
      you.hidden = !self;
      isHost.hidden = peer.role !== 'host';
      setText(seat, [...new Set([peer.datacenter, peer.region])].join(' · '));
      silent.hidden = !muted || host;
      mute.element.hidden = !host;
      mute.update({
        icon: muted ? 'micOff' : 'mic',
        description: muted ? 'Muted' : '',
      });
      setAttribute(mute.element, 'aria-disabled', muted ? 'true' : undefined);
      remove.element.hidden = !host;
    },
  };
}

function waiterRow(peerId: string, displayName: string, actions: PeopleActions): Row<string> {
  return {
    element: el(
      'li',
      { class: 'person', testid: 'waiting-peer', attrs: { 'data-peer': peerId } },
      avatar(displayName, peerId),
      el('div', { class: 'person-text' }, el('div', { class: 'person-name' }, el('span', {}, displayName))),
      textButton({
        label: 'Deny',
        testid: 'deny-peer',
        kind: 'quiet',
        onClick: () => actions.onDeny(peerId),
      }),
      textButton({
        label: 'Admit',
        testid: 'admit-peer',
        kind: 'primary',
        onClick: () => actions.onAdmit(peerId),
      }),
    ),
    update() {
      // Who waits has nothing but a name.
    },
  };
}
