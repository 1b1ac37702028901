import { z } from 'zod';
import type { Ending } from '../ending.ts';
import type { Notification } from '../notification.ts';
import type { PeerOutlet, RoomSnapshot } from '../peer.ts';

const recordSchema = z.record(z.string(), z.unknown());

/** A session that only remembers what it was told. */
export class FakeOutlet implements PeerOutlet {
  open = true;
  readonly told: { event: string; data: Record<string, unknown> }[] = [];
  snapshot: RoomSnapshot | null = null;
  ending: Ending | null = null;

  notify(message: Notification): void {
    const parsed = recordSchema.parse(JSON.parse(`{${message.body}}`));
    this.told.push({ event: message.event, data: recordSchema.parse(parsed.data) });
  }

  letIn(snapshot: RoomSnapshot): void {
    this.snapshot = snapshot;
  }

  ended(ending: Ending): void {
    this.open = false;
    this.ending = ending;
  }

  /** Names of the events told so far. */
  get events(): string[] {
    return this.told.map(({ event }) => event);
  }

  /** Data of the last event by this name. */
  last(event: string): Record<string, unknown> | undefined {
    return this.told.findLast((entry) => entry.event === event)?.data;
  }
}
