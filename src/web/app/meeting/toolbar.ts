import { type IconButton, iconButton } from '../ui/button.ts';
import { el } from '../ui/dom.ts';
import type { IconName } from '../ui/icons.ts';

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
  /** Whether single keys do something. */
  readonly shortcuts: boolean;
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
    label: 'Microphone',
    testid: 'toggle-mic',
    shortcut: 'm',
    onClick: actions.onMicrophone,
  });
  const camera = iconButton({
    icon: 'camera',
    label: 'Camera',
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

  const buttons = [microphone, camera, screen, chat, people, settings];

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
      for (const button of buttons) button.update({ shortcuts: state.shortcuts });
      device(microphone, 'microphone', state.microphone, ['mic', 'micOff']);
      device(camera, 'camera', state.camera, ['camera', 'cameraOff']);
      screen.update({
        pressed: state.screen,
        hint: state.screen ? 'Stop sharing your screen' : 'Share your screen',
      });
      screen.element.classList.toggle('on', state.screen);
      screen.element.hidden = !state.canShare;
      panel(chat, state.panel === 'chat', state.unread > 0 ? `${state.unread} unread` : '');
      panel(people, state.panel === 'people', state.waiting > 0 ? `${state.waiting} waiting` : '');
      chat.badge(state.unread);
      people.badge(state.waiting);
    },
  };
}

/** Its name stays: whether it is on is told by its state, and what a press does by the tooltip. */
function device(
  button: IconButton,
  name: string,
  on: boolean,
  [iconOn, iconOff]: readonly [IconName, IconName],
): void {
  button.update({
    icon: on ? iconOn : iconOff,
    pressed: on,
    active: !on,
    hint: `Turn your ${name} ${on ? 'off' : 'on'}`,
  });
}

function panel(button: IconButton, open: boolean, news: string): void {
  button.update({ expanded: open, description: news });
  button.element.classList.toggle('on', open);
}
