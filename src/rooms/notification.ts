import type { EventData, EventName } from '../protocol/events.ts';

/**
 * One notification on its way to any number of sessions. Its body is made into JSON once, however many peers
 * it goes to; each session adds its own `seq`.
 */
export interface Notification {
  readonly event: EventName;
  /** `"event":…,"data":…`, to be put into a frame. */
  readonly body: string;
  /** Worth nothing later (the speakers of a moment): not kept for a session whose socket is lost. */
  readonly transient: boolean;
}

/** Makes a notification of the protocol; the data is checked against the event's schema by the compiler. */
export function notification<E extends EventName>(event: E, data: EventData<E>): Notification {
  return {
    event,
    body: `"event":${JSON.stringify(event)},"data":${JSON.stringify(data)}`,
    transient: event === 'speakers',
  };
}

/** The frame of a notification. `seq` 0 is outside any session's order. */
export function notificationFrame(notification: Notification, seq: number): string {
  return `{"type":"notification","seq":${seq},${notification.body}}`;
}
