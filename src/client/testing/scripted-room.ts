import type { Joined } from '../../protocol/state.ts';
import type { Line } from './scripted-node.ts';

export function joinedOf(changes: Partial<Joined> = {}): Joined {
  return {
    peerId: 'me',
    displayName: 'Ada',
    role: 'participant',
    room: { roomId: 'garden', locked: false, endsAt: null, lastN: null },
    peers: [],
    waiting: [],
    resumeToken: 'r1.first',
    resumeWindow: 30,
    ...changes,
  };
}

const DIGITS = Array.from({ length: 32 }, () => 'AB').join(':');

export function transportOf(transportId: string): object {
  return {
    transportId,
    iceParameters: { usernameFragment: 'frag', password: 'password', iceLite: true },
    iceCandidates: [],
    dtlsParameters: { role: 'auto', fingerprints: [{ algorithm: 'sha-256', value: DIGITS }] },
  };
}

/** Answers everything that joining and leaving take. Media goes nowhere. */
export function scriptRoom(line: Line, joined: Partial<Joined> = {}): void {
  line.answer('join', () => ({ state: 'joined', ...joinedOf(joined) }));
  line.answer('createTransport', () => transportOf(`transport-${Math.random()}`));
  for (const method of ['leave', 'ping']) line.answer(method, () => ({}));
}
