import { roomIdSchema } from '../../../protocol/token.ts';

const FIRST =
  'amber blue bright calm clear cool early fair gentle green high kind late mild quiet silver still warm'.split(
    ' ',
  );
const SECOND =
  'bank brook cascade creek delta estuary ford harbour lake marsh meadow rapids reef ridge river spring tide valley'.split(
    ' ',
  );

/** A name that can be said on the telephone; about 30 bits, so that nobody walks in by guessing. */
export function proposeRoom(
  random: (values: Uint32Array<ArrayBuffer>) => Uint32Array = (v) => crypto.getRandomValues(v),
): string {
  const [a = 0, b = 0, c = 0] = random(new Uint32Array(3));
  return `${FIRST[a % FIRST.length]}-${SECOND[b % SECOND.length]}-${String(c % 1_000_000).padStart(6, '0')}`;
}

/** What somebody typed, as a room's id: spaces become hyphens, the rest has to fit. */
export function roomFromInput(text: string): { ok: true; room: string } | { ok: false; advice: string } {
  const room = text.trim().replace(/\s+/g, '-');
  if (room === '') return { ok: false, advice: 'Give the meeting a name.' };
  if (roomIdSchema.safeParse(room).success) return { ok: true, room };
  if (room.length > 128) return { ok: false, advice: 'A name has at most 128 characters.' };
  return {
    ok: false,
    advice: 'Use letters (a to z), digits, dots, hyphens and underscores; begin with a letter or digit.',
  };
}
