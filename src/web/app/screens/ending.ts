import type { Attempt } from '../../../client/connector.ts';
import type { Problem } from '../../../client/problem.ts';
import type { IconName } from '../ui/icons.ts';

/** How a call, or the way into one, came to its end. */
export type Ending =
  | { readonly kind: 'left' }
  /** Everything else: refused at the door, removed, ended, lost. */
  | { readonly kind: 'problem'; readonly problem: Problem; readonly attempts: readonly Attempt[] };

/** The tries that say something: after a call that went well there are none. */
export function tellingAttempts(ending: Ending): readonly Attempt[] {
  if (ending.kind === 'left' || ending.attempts.every(({ outcome }) => outcome === 'admitted')) return [];
  return ending.attempts;
}

/** What the last screen says, and what can be done from there. */
export interface EndingWords {
  readonly title: string;
  readonly message: string;
  readonly tone: 'neutral' | 'warning' | 'danger';
  readonly icon: IconName;
  /** What the button says that joins once more; null where that is pointless. */
  readonly again: string | null;
  /** Joining once more is the thing to do: it may end otherwise with nobody changing anything. */
  readonly mayHelp: boolean;
}

type Look = Omit<EndingWords, 'message' | 'again' | 'mayHelp'>;

const NEUTRAL = { tone: 'neutral', icon: 'leave' } as const;
const CLOSED = { tone: 'warning', icon: 'lock' } as const;
const DOWN = { tone: 'warning', icon: 'alert' } as const;
const REFUSED = { tone: 'danger', icon: 'wave' } as const;
const WHERE: Look = { title: 'You cannot be served from here', ...REFUSED };

/** Titles of the codes that people meet; the message is the catalogue's, which says what to do. */
const LOOKS: Record<string, Look> = {
  room_ended: { title: 'The meeting has ended', ...NEUTRAL },
  room_expired: { title: 'The meeting has ended', ...NEUTRAL },
  removed: { title: 'You were removed', tone: 'warning', icon: 'remove' },
  replaced: { title: 'You are here in another window', tone: 'neutral', icon: 'info' },
  room_locked: { title: 'The meeting is locked', ...CLOSED },
  room_full: { title: 'The meeting is full', ...CLOSED },
  too_many_sessions: { title: 'You are here too often', ...CLOSED },
  waiting_denied: { title: 'You were not admitted', ...CLOSED },
  waiting_timeout: { title: 'Nobody let you in', ...CLOSED },
  region_unknown: WHERE,
  region_conflict: WHERE,
  region_refused: WHERE,
  region_not_admitted: WHERE,
  narrowing_empty: WHERE,
  address_unknown: WHERE,
  address_refused: WHERE,
  room_apart: { title: 'This meeting cannot include you', ...REFUSED },
  token_missing: { title: 'A join link is needed', ...CLOSED },
  token_invalid: { title: 'This join link is not valid', ...CLOSED },
  token_expired: { title: 'This join link has expired', ...CLOSED },
  token_unreadable: { title: 'This join link is not valid', ...CLOSED },
  no_datacenter_up: { title: 'No datacenter is available', ...DOWN },
  no_node_reached: { title: 'No datacenter could be reached', ...DOWN },
  directory_unreachable: { title: 'The service cannot be reached', ...DOWN },
  connection_lost: { title: 'The connection was lost', ...DOWN },
  device_unsupported: { title: 'This browser cannot take part', ...DOWN },
};

/** Codes where coming back the same way is pointless, whatever their `retry` says. */
const FINAL = new Set(['room_ended', 'room_expired', 'token_missing', 'replaced']);

export function wordsOf(ending: Ending): EndingWords {
  if (ending.kind === 'left') {
    return {
      title: 'You left the meeting',
      message: 'You can come back any time.',
      ...NEUTRAL,
      again: 'Join again',
      mayHelp: true,
    };
  }
  const { problem } = ending;
  const look = LOOKS[problem.code] ?? { title: 'You could not join', tone: 'danger', icon: 'alert' };
  const inside = ending.attempts.some(({ outcome }) => outcome === 'admitted');
  const again = FINAL.has(problem.code) ? null : inside ? 'Join again' : 'Try again';
  return { ...look, message: problem.message, again, mayHelp: inside || problem.retry };
}
