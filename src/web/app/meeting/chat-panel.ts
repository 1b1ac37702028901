import type { Outcome } from '../../../client/problem.ts';
import type { ChatMessage } from '../../../client/room-state.ts';
import { CHAT_MAX_LENGTH } from '../../../protocol/methods.ts';
import { avatar } from '../ui/avatar.ts';
import { iconButton } from '../ui/button.ts';
import { el } from '../ui/dom.ts';
import { textWithLinks } from '../ui/links.ts';

export interface ChatPanel {
  readonly element: HTMLElement;
  update(messages: readonly ChatMessage[], ownPeerId: string): void;
  focus(): void;
}

export interface ChatActions {
  readonly onSend: (text: string) => Promise<Outcome<unknown>>;
  readonly onClose: () => void;
}

/** Messages of one person within this time stand under one name. */
const TOGETHER_MS = 120_000;

export function createChatPanel(actions: ChatActions): ChatPanel {
  const list = el('ol', {
    class: 'chat-list',
    testid: 'chat-list',
    attrs: { role: 'log', 'aria-label': 'Messages', tabindex: 0 },
  });
  const empty = el(
    'p',
    { class: 'panel-empty' },
    'Messages reach everyone who is here, and are gone when the meeting ends.',
  );
  const error = el('p', {
    class: 'form-error',
    testid: 'chat-error',
    attrs: { role: 'alert', hidden: true },
  });
  const input = el('textarea', {
    testid: 'chat-input',
    attrs: { rows: 1, maxlength: CHAT_MAX_LENGTH, placeholder: 'Write a message', 'aria-label': 'Message' },
    on: {
      keydown: (event) => {
        if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
        event.preventDefault();
        void send();
      },
      input: () => grow(),
    },
  });
  const submit = iconButton({
    icon: 'send',
    label: 'Send',
    testid: 'chat-send',
    class: 'send tip-left',
    onClick: () => void send(),
  });

  const grow = () => {
    input.style.height = 'auto';
    input.style.height = `${Math.min(140, input.scrollHeight + 2)}px`;
  };
  const send = async () => {
    const text = input.value.trim();
    if (text === '') return;
    submit.update({ disabled: true });
    const outcome = await actions.onSend(text);
    submit.update({ disabled: false });
    error.hidden = outcome.ok;
    if (!outcome.ok) {
      error.textContent = outcome.problem.message;
      return;
    }
    input.value = '';
    grow();
  };

  const shown = new Set<string>();
  let last: ChatMessage | undefined;
  return {
    element: el(
      'aside',
      { class: 'panel chat', testid: 'chat-panel', attrs: { 'aria-label': 'Chat' } },
      el('div', { class: 'panel-head' }, el('h2', {}, 'Chat'), closeButton('chat-close', actions.onClose)),
      empty,
      list,
      error,
      el('div', { class: 'chat-form' }, input, submit.element),
    ),
    update(messages, ownPeerId) {
      const bottom = list.scrollHeight - list.scrollTop - list.clientHeight < 60;
      for (const message of messages) {
        if (shown.has(message.messageId)) continue;
        shown.add(message.messageId);
        const together = last?.peerId === message.peerId && message.at - last.at < TOGETHER_MS;
        list.append(line(message, message.peerId === ownPeerId, together));
        last = message;
      }
      empty.hidden = shown.size > 0;
      list.hidden = shown.size === 0;
      if (bottom) list.scrollTop = list.scrollHeight;
    },
    focus() {
      input.focus();
      list.scrollTop = list.scrollHeight;
    },
  };
}

function line(message: ChatMessage, own: boolean, together: boolean): HTMLElement {
  const at = new Date(message.at);
  const time = at.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  const text = el('p', { class: 'chat-text', testid: 'chat-text' }, ...textWithLinks(message.text));
  if (together)
    return el('li', { class: `chat-line together${own ? ' own' : ''}`, testid: 'chat-message' }, text);
  return el(
    'li',
    { class: `chat-line${own ? ' own' : ''}`, testid: 'chat-message' },
    avatar(message.displayName, message.peerId),
    el(
      'div',
      { class: 'chat-head' },
      el('strong', {}, own ? 'You' : message.displayName),
      el('time', { attrs: { datetime: at.toISOString() } }, time),
    ),
    text,
  );
}

export function closeButton(testid: string, onClose: () => void): HTMLElement {
  return iconButton({
    icon: 'close',
    label: 'Close',
    testid,
    class: 'small tip-below tip-left',
    onClick: onClose,
  }).element;
}
