import type { Outcome } from '../../../client/problem.ts';
import { el } from '../ui/dom.ts';
import { createChatPanel } from './chat-panel.ts';
import { createPeoplePanel, type PeopleActions, type PeopleState } from './people-panel.ts';

export type PanelName = 'chat' | 'people';

export interface SidePanelOptions {
  readonly onChange: () => void;
  /** The button that opens a panel: gets the focus back where nothing else had it. */
  readonly opener: (panel: PanelName) => HTMLElement;
  readonly chat: { readonly onSend: (text: string) => Promise<Outcome<unknown>> };
  readonly people: Omit<PeopleActions, 'onClose'>;
}

export interface SidePanel {
  readonly element: HTMLElement;
  readonly open: PanelName | null;
  /** Messages of others that came while the chat was not open. */
  readonly unread: number;
  toggle(panel: PanelName): void;
  update(state: PeopleState): void;
}

/** Chat or people, one at a time. */
export function createSidePanel(options: SidePanelOptions): SidePanel {
  let open: PanelName | null = null;
  let lastSeen: string | undefined;
  let unread = 0;
  let before: Element | null = null;

  const set = (panel: PanelName | null) => {
    const closed = open;
    if (closed === null) before = document.activeElement;
    open = panel;
    chat.element.hidden = panel !== 'chat';
    people.element.hidden = panel !== 'people';
    options.onChange();
    if (panel === 'chat') chat.focus();
    if (panel === 'people') people.focus();
    // Where the person was before, unless that is gone, or was nowhere.
    if (panel === null && closed !== null) {
      const back =
        before instanceof HTMLElement && before.isConnected && before !== document.body ? before : null;
      (back ?? options.opener(closed)).focus();
    }
  };
  const close = () => set(null);
  const chat = createChatPanel({ ...options.chat, onClose: close });
  const people = createPeoplePanel({ ...options.people, onClose: close });
  chat.element.hidden = true;
  people.element.hidden = true;
  const element = el(
    'div',
    {
      class: 'panels',
      on: {
        keydown: (event) => {
          if (event.key === 'Escape') close();
        },
      },
    },
    chat.element,
    people.element,
  );

  return {
    element,
    get open() {
      return open;
    },
    get unread() {
      return unread;
    },
    toggle(panel) {
      set(open === panel ? null : panel);
    },
    update(state) {
      const { chat: messages, peerId } = state.room;
      // By id, since old messages fall off the front; findLastIndex gives -1 at first, and then all are new.
      const known = messages.findLastIndex(({ messageId }) => messageId === lastSeen);
      const fresh = messages.slice(known + 1);
      lastSeen = messages.at(-1)?.messageId;
      if (open === 'chat') unread = 0;
      else unread += fresh.filter((message) => message.peerId !== peerId).length;
      chat.update(messages, peerId);
      people.update(state);
    },
  };
}
