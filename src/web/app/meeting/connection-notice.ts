import type { ClientStatus, Seat } from '../../../client/client-types.ts';
import { el, setText } from '../ui/dom.ts';
import type { Toasts } from '../ui/toasts.ts';
import type { CallClient } from './call-client.ts';

export interface ConnectionNotice {
  readonly element: HTMLElement;
  close(): void;
}

/** Media that is interrupted for less than this mends itself before anybody would read a line about it. */
const MEDIA_PATIENCE_MS = 1500;

/** Says so while the connection, or the media, is being restored, and what came of it. */
export function createConnectionNotice(client: CallClient, toasts: Toasts): ConnectionNotice {
  const text = el('span', { testid: 'banner-text' });
  const element = el(
    'div',
    { class: 'banner', testid: 'banner', attrs: { role: 'alert', hidden: true } },
    el('span', { class: 'spinner', attrs: { 'aria-hidden': true } }),
    text,
  );
  let before: { status: ClientStatus; seat: Seat | null } = { status: client.status, seat: client.seat };
  let interrupted = false;
  let timer: number | undefined;

  const show = () => {
    const message =
      messageOf(client.status) ?? (interrupted ? 'Media is interrupted. Restoring…' : undefined);
    element.hidden = message === undefined;
    if (message !== undefined) setText(text, message);
  };
  const onStatus = (status: ClientStatus) => {
    if (status === 'joined' && before.status !== 'joined') {
      const seat = client.seat;
      const moved = before.seat !== null && seat !== null && seat.datacenter !== before.seat.datacenter;
      if (moved) {
        toasts.show(`You are served by ${seat.datacenter} (${seat.region}) now`, {
          icon: 'wave',
          key: 'connection',
        });
      } else if (before.status === 'resuming' || before.status === 'rejoining') {
        toasts.show('Reconnected', { icon: 'check', kind: 'good', key: 'connection' });
      }
    }
    before = { status, seat: client.seat ?? before.seat };
    show();
  };
  const setInterrupted = (value: boolean) => {
    window.clearTimeout(timer);
    if (!value) {
      if (interrupted) toasts.show('Media is back', { icon: 'check', kind: 'good', key: 'connection' });
      interrupted = false;
      show();
      return;
    }
    timer = window.setTimeout(() => {
      interrupted = true;
      show();
    }, MEDIA_PATIENCE_MS);
  };
  const offs = [
    client.on('status', onStatus),
    client.on('media', (direction, state) => {
      if (direction !== 'receive') return;
      if (state === 'connected') setInterrupted(false);
      else if (state === 'disconnected' || state === 'failed') setInterrupted(true);
    }),
  ];
  show();
  return {
    element,
    close() {
      window.clearTimeout(timer);
      for (const off of offs) off();
    },
  };
}

function messageOf(status: ClientStatus): string | undefined {
  switch (status) {
    case 'resuming':
      return 'The connection was lost. Reconnecting…';
    case 'rejoining':
      return 'The server is gone. Looking for another…';
    case 'waiting':
      return 'The host has to let you in again. Waiting…';
    case 'idle':
    case 'connecting':
    case 'joined':
    case 'closed':
      return undefined;
  }
}
