/** What participants of a kind of meeting cause: packets delivered to them, and bits, each a second. */
export interface Shape {
  readonly name: string;
  /** People in one room. */
  readonly people: number;
  /** Packets that one room's people are sent in all, a second. */
  readonly packetsPerRoom: number;
  readonly bitsPerRoom: number;
  /** Streams that begin when one of a full room's people is replaced: theirs at the others, and the others' at them. */
  readonly streamsPerJoin: number;
  /** Packets of all that one room's people send, a second: what another datacenter gets of it. */
  readonly sourcesPerRoom: number;
}

export class ShapeError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ShapeError';
  }
}

/** As the generator makes them: a packet each 20 ms, and frames cut into packets of at most 1100 bytes. */
const AUDIO = { packets: 50, bits: 50 * 80 * 8 };
const FRAMES = 25;
const PAYLOAD = 1100;
/** bit/s of a camera that somebody watches. */
const CAMERA = 600_000;
const MOST_PEOPLE = 1000;

/**
 * `meeting:N` (everybody sends camera and microphone to everybody), `webinar:N` (one sends to N),
 * `audio:N` or `audio:N:S` (N hear S who speak at a time; by default a tenth). A number after `@` is the kbit/s of
 * a camera: `meeting:4@300`. Throws ShapeError.
 */
export function parseShape(text: string): Shape {
  const match = /^(meeting|webinar|audio):(\d+)(?::(\d+))?(?:@(\d+))?$/.exec(text);
  if (match === null)
    throw new ShapeError(
      `--shape ${text}: write meeting:N, webinar:N or audio:N:SPEAKERS, with @KBIT for cameras`,
    );
  const [, kind, size, speaking, kilobits] = match;
  const people = Number(size);
  if (people < 2 || people > MOST_PEOPLE)
    throw new ShapeError(`--shape ${text}: from 2 to ${MOST_PEOPLE} people`);
  const bitrate = kilobits === undefined ? CAMERA : Number(kilobits) * 1000;
  const camera = { packets: FRAMES * Math.ceil(bitrate / 8 / FRAMES / PAYLOAD), bits: bitrate };
  switch (kind) {
    case 'meeting': {
      const streams = people * (people - 1);
      return of(
        text,
        people,
        streams * (AUDIO.packets + camera.packets),
        people * (AUDIO.packets + camera.packets),
        streams * (AUDIO.bits + camera.bits),
        4 * (people - 1),
      );
    }
    case 'webinar':
      return of(
        text,
        people + 1,
        people * (AUDIO.packets + camera.packets),
        AUDIO.packets + camera.packets,
        people * (AUDIO.bits + camera.bits),
        // Two for each of those who watch; for all of them where it is the one whom they watch.
        (4 * people) / (people + 1),
      );
    default: {
      const speakers = Math.min(people, Number(speaking ?? Math.max(1, Math.round(people / 10))));
      const streams = speakers * (people - 1);
      const packets = streams * AUDIO.packets;
      return of(text, people, packets, speakers * AUDIO.packets, streams * AUDIO.bits, 2 * (people - 1));
    }
  }
}

function of(
  name: string,
  people: number,
  packetsPerRoom: number,
  sourcesPerRoom: number,
  bitsPerRoom: number,
  streamsPerJoin: number,
): Shape {
  return { name, people, packetsPerRoom, sourcesPerRoom, bitsPerRoom, streamsPerJoin };
}
