import type { Attempt } from '../../../client/connector.ts';
import type { Outcome } from '../../../client/problem.ts';
import type { RoomState } from '../../../client/room-state.ts';
import { meterLevel } from '../devices/level-meter.ts';
import type { LocalKind, LocalMedia } from '../devices/local-media.ts';
import type { Settings } from '../settings.ts';
import { textButton } from '../ui/button.ts';
import { confirmDialog } from '../ui/dialogs.ts';
import { el } from '../ui/dom.ts';
import { Toasts } from '../ui/toasts.ts';
import { announcementsOf, waitingKey } from './announcements.ts';
import type { CallClient } from './call-client.ts';
import { createConnectionNotice } from './connection-notice.ts';
import { createGrid } from './grid.ts';
import { OwnMedia } from './own-media.ts';
import { createRemoteAudio } from './remote-audio.ts';
import { ScreenShare } from './screen-share.ts';
import { createServerBadge } from './server-badge.ts';
import { openSettings } from './settings-dialog.ts';
import { listenShortcuts } from './shortcuts.ts';
import { createSidePanel } from './side-panel.ts';
import { createStatsReader } from './stats-reader.ts';
import { Subscriber } from './subscriber.ts';
import { type TileModel, tilesOf } from './tiles.ts';
import { createToolbar } from './toolbar.ts';
import { createTopBar } from './top-bar.ts';
import { VoiceWatch } from './voice-watch.ts';

export interface CallOptions {
  readonly client: CallClient;
  readonly media: LocalMedia;
  readonly settings: Settings;
  /** Every try that led here, in order; more are added while the call lasts. */
  readonly attempts: readonly Attempt[];
  /** What to hand to others; null where everybody needs a join link of their own. */
  readonly link: string | null;
  readonly onLeave: () => void;
}

export interface CallView {
  readonly element: HTMLElement;
  close(): void;
}

/** The meeting: puts its parts together, and shows each change of the room, of media and of devices in them. */
export function createCallView(options: CallOptions): CallView {
  const { client, media, settings } = options;
  const toasts = new Toasts();
  const show = (text: string, kind: 'warning' | 'info' = 'info') =>
    toasts.show(text, { icon: kind === 'warning' ? 'alert' : 'info', kind });
  /** Tells what could not be done; what could is seen by its effect. */
  const tell = async (outcome: Promise<Outcome<unknown>>) => {
    const result = await outcome;
    if (!result.ok) show(result.problem.message, 'warning');
  };

  const spokeAt = new Map<string, number>();
  let said: RoomState | null = client.room;

  const badge = createServerBadge(createStatsReader(client));
  const copyLink = () => {
    if (options.link === null) {
      show('Everybody needs a join link of their own here.');
      return;
    }
    void navigator.clipboard.writeText(options.link).then(
      () => show('The link is copied'),
      () => show(options.link ?? ''),
    );
  };
  const topBar = createTopBar(badge, copyLink);
  const notice = createConnectionNotice(client, toasts);
  const subscriber = new Subscriber(client);
  const own = new OwnMedia(client, media, settings, (_kind, problem) => show(problem.message, 'warning'));
  const screen = new ScreenShare(
    client,
    () => refresh(),
    (problem) => show(problem.message, 'warning'),
  );
  const nameOf = (peerId: string) => client.room?.peers.get(peerId)?.displayName ?? 'this person';
  const removePeer = async (peerId: string) => {
    const yes = await confirmDialog(element, {
      title: `Remove ${nameOf(peerId)}?`,
      message: 'They leave the meeting at once.',
      confirm: 'Remove',
    });
    if (yes) await tell(client.removePeer(peerId));
  };
  const mutePeer = (peerId: string) => void tell(client.mutePeer(peerId));
  const grid = createGrid({
    actions: { onMute: mutePeer, onRemove: (peerId) => void removePeer(peerId) },
    onPlaced: (placed) => subscriber.show(placed),
  });
  const unblock = el(
    'div',
    { class: 'unblock', testid: 'unblock', attrs: { hidden: true } },
    textButton({
      label: 'Click to hear the others',
      testid: 'unblock-button',
      kind: 'primary',
      icon: 'speaker',
      onClick: () => audio.unlock(),
    }),
  );
  const audio = createRemoteAudio(settings.get('speakerId'), (blocked) => {
    unblock.hidden = !blocked;
  });
  const voice = new VoiceWatch(meterLevel, () => refresh());

  const side = createSidePanel({
    onChange: () => refresh(),
    opener: (panel) => toolbar[panel],
    chat: { onSend: (text) => client.sendChat(text) },
    people: {
      onMute: mutePeer,
      onRemove: (peerId) => void removePeer(peerId),
      onMuteAll: () => {
        for (const peerId of client.room?.peers.keys() ?? []) mutePeer(peerId);
      },
      onLock: (locked) => void tell(client.lockRoom(locked)),
      onEnd: () => void endRoom(),
      onAdmit: (peerId) => void tell(client.admitPeer(peerId)),
      onDeny: (peerId) => void tell(client.denyPeer(peerId)),
    },
  });
  const endRoom = async () => {
    const yes = await confirmDialog(element, {
      title: 'End the meeting for everyone?',
      message: 'Everybody leaves, and the meeting is closed.',
      confirm: 'End for all',
    });
    if (yes) await tell(client.endRoom());
  };

  const toggle = async (kind: LocalKind) => {
    const on = !media[kind].wanted;
    settings.set(kind, on ? 'on' : 'off');
    await media.set(kind, on);
    const { problem } = media[kind];
    if (problem !== null) show(`${problem.title}. ${problem.advice}`, 'warning');
  };
  const toggleScreen = async () => {
    if (screen.track !== null) {
      await screen.stop();
      return;
    }
    const problem = await screen.start();
    if (problem !== null) show(`${problem.title}. ${problem.advice}`, 'warning');
  };
  const openDevices = () =>
    openSettings(element, media, settings, {
      speaker: (deviceId) => audio.setSpeaker(deviceId),
      shortcuts: () => refresh(),
    });
  const actions = {
    microphone: () => void toggle('microphone'),
    camera: () => void toggle('camera'),
    screen: () => void toggleScreen(),
    chat: () => side.toggle('chat'),
    people: () => side.toggle('people'),
    settings: openDevices,
  };
  const toolbar = createToolbar({
    onMicrophone: actions.microphone,
    onCamera: actions.camera,
    onScreen: actions.screen,
    onChat: actions.chat,
    onPeople: actions.people,
    onSettings: actions.settings,
    onLeave: options.onLeave,
  });
  const alone = el(
    'div',
    { class: 'alone', testid: 'alone' },
    el('span', {}, 'You are the only one here.'),
    options.link === null
      ? null
      : textButton({ label: 'Copy the link', testid: 'copy-link-alone', icon: 'link', onClick: copyLink }),
  );
  grid.element.append(alone);

  const element = el(
    'div',
    { class: 'meeting', testid: 'meeting' },
    topBar.element,
    grid.element,
    side.element,
    toolbar.element,
    notice.element,
    toasts.element,
    audio.element,
    unblock,
  );

  const trackOf = (tile: TileModel): MediaStreamTrack | null => {
    if (tile.self) return tile.source === 'screen' ? screen.track : media.camera.track;
    return client.tracks.find(({ consumerId }) => consumerId === tile.consumerId)?.track ?? null;
  };

  const render = () => {
    const { room, seat } = client;
    if (room === null) return;
    if (room.dominant !== null) spokeAt.set(room.dominant, performance.now());
    const away = client.status !== 'joined';
    voice.watch(media.audible ? media.microphone.track : null);
    const tiles = tilesOf(room, {
      microphone: media.audible,
      camera: media.camera.wanted && media.camera.track !== null,
      screen: screen.track !== null,
      speaking: voice.speaking,
      spokeAt,
      reconnecting: away,
    });
    element.dataset.status = client.status;
    grid.update({ tiles, host: room.role === 'host', trackOf });
    audio.update(client.tracks.filter(({ kind }) => kind === 'audio'));
    topBar.update({ room: room.room.roomId, locked: room.room.locked, endsAt: room.room.endsAt });
    badge.update(seat && { ...seat, nodeId: seat.node }, options.attempts, !away);
    const { datacenter = '', region = '' } = seat ?? {};
    side.update({ room, self: { muted: !media.audible, datacenter, region } });
    toolbar.update({
      microphone: media.microphone.wanted,
      camera: media.camera.wanted,
      screen: screen.track !== null,
      canShare: ScreenShare.supported,
      shortcuts: settings.get('shortcuts') === 'on',
      panel: side.open,
      unread: side.unread,
      waiting: room.role === 'host' ? room.waiting.size : 0,
    });
    alone.hidden = room.peers.size > 0 || away;
  };

  /** Many things change in one turn; they are shown once. Not by animation frame: sound goes on in a hidden tab. */
  let scheduled = false;
  let closed = false;
  const refresh = () => {
    if (scheduled || closed) return;
    scheduled = true;
    queueMicrotask(() => {
      scheduled = false;
      if (!closed) render();
    });
  };

  const announce = (room: RoomState) => {
    // Somebody else's node, somebody else's ids: after a rejoin everything looks new and is not.
    const comparable = said !== null && said.peerId === room.peerId;
    if (said !== null && comparable) {
      for (const { text, icon, kind, key, admit } of announcementsOf(said, room)) {
        const action =
          admit === undefined ? undefined : { label: 'Admit', run: () => void tell(client.admitPeer(admit)) };
        toasts.show(text, { icon, kind, key, ...(action === undefined ? {} : { action, duration: 12_000 }) });
      }
    }
    // Whoever was let in, or went, is not to be let in again.
    for (const peerId of said?.waiting.keys() ?? []) {
      if (!comparable || !room.waiting.has(peerId)) toasts.dismiss(waitingKey(peerId));
    }
    said = room;
  };

  const offs = [
    client.on('room', (room) => {
      announce(room);
      refresh();
    }),
    client.on('track', refresh),
    client.on('trackEnded', refresh),
    client.on('status', refresh),
    client.on('seat', refresh),
    client.on('attempt', refresh),
    client.on('moved', ({ to, why }) => {
      const where = `${to.datacenter} (${to.region})`;
      const text =
        why.code === 'draining'
          ? `You are served at ${where} now: the server before is being shut down`
          : `The meeting moved to ${where}, where everyone who came may take part`;
      toasts.show(text, { icon: 'info', key: 'connection', duration: 10_000 });
    }),
    client.on('muted', ({ source }) => {
      if (source === 'screen' || source === 'screenAudio') void screen.stop();
      show(
        source === 'microphone' ? 'The host muted you' : `The host switched your ${source} off`,
        'warning',
      );
    }),
    client.on('chat', (message) => {
      if (side.open === 'chat' || message.peerId === client.room?.peerId) return;
      const text = message.text.length > 90 ? `${message.text.slice(0, 90)}…` : message.text;
      toasts.show(`${message.displayName}: ${text}`, { icon: 'chat', key: 'chat' });
    }),
    media.on('changed', refresh),
    listenShortcuts(settings, (action) => actions[action]()),
  ];
  render();

  return {
    element,
    close() {
      closed = true;
      for (const off of offs) off();
      own.close();
      subscriber.close();
      voice.close();
      notice.close();
      topBar.close();
      grid.close();
      audio.close();
      toasts.clear();
      void screen.stop();
      element.remove();
    },
  };
}
