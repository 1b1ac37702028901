import type { ClientEvents } from './client-types.ts';
import type { Emitter } from './emitter.ts';
import type { Media } from './media.ts';
import type { Notifications } from './notifications.ts';

/** Passes on to the application what it may want to react to at once; the state holds the rest. */
export function relayNotifications(events: Notifications, out: Emitter<ClientEvents>): void {
  events.on('chat', (message) => out.emit('chat', message));
  events.on('peerJoined', ({ peer }) => out.emit('peerJoined', peer));
  events.on('peerLeft', (left) => out.emit('peerLeft', left));
  events.on('muted', (muted) => out.emit('muted', muted));
}

/** Passes on what happens to media by itself. */
export function relayMedia(media: Media, out: Emitter<ClientEvents>): void {
  const { publications, subscriptions } = media;
  publications.on('changed', (view) => out.emit('publication', view));
  publications.on('ended', (source) => out.emit('publicationEnded', source));
  publications.on('failed', (source, problem) => {
    out.emit('publicationFailed', source, problem);
    out.emit('problem', problem);
  });
  subscriptions.on('added', (remote) => out.emit('track', remote));
  subscriptions.on('removed', (remote) => out.emit('trackEnded', remote));
  subscriptions.on('failed', (problem) => out.emit('problem', problem));
  media.on('state', (direction, state) => out.emit('media', direction, state));
}
