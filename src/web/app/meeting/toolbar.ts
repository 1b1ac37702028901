import { type IconButton, iconButton } from '../ui/button.ts';
import { el } from '../ui/dom.ts';

export interface ToolbarActions {
  readonly onMicrophone: () => void;
  readonly onCamera: () => void;
  readonly onScreen: () => void;
  readonly onChat: () => void;
  readonly onPeople: () => void;
  readonly onSettings: () => void;
  readonly onLeave: () => void;
}

export interface ToolbarState {
  readonly microphone: boolean;
  readonly camera: boolean;
  readonly screen: boolean;
  /** False where the browser cannot share a screen (telephones). */
  readonly canShare: boolean;
  readonly panel: 'chat' | 'people' | null;
  readonly unread: number;
  readonly waiting: number;
}

export interface Toolbar {
  readonly element: HTMLElement;
  readonly chat: HTMLButtonElement;
  readonly people: HTMLButtonElement;
  update(state: ToolbarState): void;
}

/** What one does all the time in a call. */
export function createToolbar(actions: ToolbarActions): Toolbar {
  const microphone = iconButton({
    icon: 'mic',
    label: 'Mute',
    testid: 'toggle-mic',
    shortcut: 'm',
    onClick: actions.onMicrophone,
  });
  const camera = iconButton({
    icon: 'camera',
    label: 'Turn camera off',
    testid: 'toggle-camera',
    shortcut: 'v',
    onClick: actions.onCamera,
  });
  const screen = iconButton({
    icon: 'screen',
    label: 'Share your screen',
    testid: 'toggle-screen',
    shortcut: 's',
    onClick: actions.onScreen,
  });
  const chat = iconButton({
    icon: 'chat',
    label: 'Chat',
    testid: 'toggle-chat',
    shortcut: 'c',
    onClick: actions.onChat,
  });
  const people = iconButton({
    icon: 'people',
    label: 'People',
    testid: 'toggle-people',
    shortcut: 'p',
    class: 'tip-left',
    onClick: actions.onPeople,
  });
  const settings = iconButton({
    icon: 'settings',
    label: 'Devices',
    testid: 'open-settings',
    shortcut: 'd',
    onClick: actions.onSettings,
  });
  const leave = iconButton({
    icon: 'leave',
    label: 'Leave',
    testid: 'leave',
    class: 'leave',
    onClick: actions.onLeave,
  });

  const toggle = (
    button: IconButton,
    on: boolean,
    icons: Parameters<IconButton['update']>[0],
    offWhenActive: boolean,
  ) => {
    button.update({ ...icons, pressed: offWhenActive ? !on : on, active: offWhenActive && !on });
    if (!offWhenActive) button.element.classList.toggle('on', on);
  };

  return {
    element: el(
      'footer',
      { class: 'toolbar', testid: 'toolbar', attrs: { role: 'toolbar', 'aria-label': 'Call' } },
      el(
        'div',
        { class: 'toolbar-main' },
        microphone.element,
        camera.element,
        screen.element,
        settings.element,
        leave.element,
      ),
      el('div', { class: 'toolbar-side' }, chat.element, people.element),
    ),
    chat: chat.element,
    people: people.element,
    update(state) {
      toggle(
        microphone,
        state.microphone,
        { icon: state.microphone ? 'mic' : 'micOff', label: state.microphone ? 'Mute' : 'Unmute' },
        true,
      );
      toggle(
        camera,
        state.camera,
        {
          icon: state.camera ? 'camera' : 'cameraOff',
          label: state.camera ? 'Turn camera off' : 'Turn camera on',
        },
        true,
      );
      toggle(screen, state.screen, { label: state.screen ? 'Stop sharing' : 'Share your screen' }, false);
      screen.element.hidden = !state.canShare;
      toggle(
        chat,
        state.panel === 'chat',
        { label: state.unread > 0 ? `Chat, ${state.unread} unread` : 'Chat' },
        false,
      );
      toggle(
        people,
        state.panel === 'people',
        { label: state.waiting > 0 ? `People, ${state.waiting} waiting` : 'People' },
        false,
      );
      chat.badge(state.unread);
      people.badge(state.waiting);
    },
  };
}
