import type { Generator } from '../native/generator.ts';
import type { TrackShape } from '../participant/synthetic-track.ts';
import { keyFrame, repeatFrame } from '../participant/vp8-frames.ts';
import { packetPictures } from '../recordings/packets.ts';
import type { RecordedCodec } from '../recordings/recording.ts';

/** Largest payload of a packet, in bytes, with what stands before the frame's own bytes. */
const PAYLOAD = 1100;
/** Least payload: descriptor and stamp. */
const LEAST = 40;
/** A key frame is so much larger than other frames. */
const KEY = 4;
/** Room that a packet needs beside the frame's head: descriptor and stamp. */
const BESIDE = 32;

/** The shapes of what is sent, each told to the generator once. */
export class Shapes {
  readonly #generator: Pick<Generator, 'addShape'>;
  readonly #known = new Map<string, Promise<string>>();

  constructor(generator: Pick<Generator, 'addShape'>) {
    this.#generator = generator;
  }

  /** Name of the shape of one Opus packet each 20 ms. */
  audio({ audioBytes = 80 }: TrackShape): Promise<string> {
    return this.#once(`opus ${audioBytes}`, (shape) =>
      this.#generator.addShape({ shape, frames: [[20_000, [Math.max(LEAST, audioBytes)]]] }),
    );
  }

  /** Name of the shape of a VP8 stream that decodes. Pixels, and bit/s of payload. */
  video(width: number, height: number, frameRate: number, bitrate: number): Promise<string> {
    return this.#once(`vp8 ${width}x${height} ${frameRate} ${bitrate}`, (shape) => {
      const key = keyFrame(width, height);
      const delta = repeatFrame(width, height);
      const bytes = bitrate / 8 / frameRate;
      return this.#generator.addShape({
        shape,
        frames: [[Math.round(1e6 / frameRate), packetsOf(Math.max(bytes, delta.length + BESIDE))]],
        keyFrame: packetsOf(Math.max(bytes * KEY, key.length + BESIDE)),
        keyHead: key.toString('base64'),
        deltaHead: delta.toString('base64'),
      });
    });
  }

  /** Name of the shape of a recording, filled up to about `bitrate` bit/s of payload. */
  recorded(codec: RecordedCodec, frameRate: number, bitrate: number): Promise<string> {
    return this.#once(`${codec} ${frameRate} ${bitrate}`, (shape) =>
      this.#generator.addShape({
        shape,
        frames: packetPictures(codec, bitrate, frameRate).map(({ packets }) => [
          Math.round(1e6 / frameRate),
          packets.map(({ bytes }) => bytes.toString('base64')),
        ]),
      }),
    );
  }

  #once(name: string, add: (shape: string) => Promise<void>): Promise<string> {
    const known = this.#known.get(name) ?? add(name).then(() => name);
    this.#known.set(name, known);
    return known;
  }
}

/** Sizes of the packets of one frame: about equal, as browsers cut them. */
function packetsOf(bytes: number): number[] {
  const count = Math.max(1, Math.ceil(bytes / PAYLOAD));
  return Array.from({ length: count }, () => Math.max(LEAST, Math.ceil(bytes / count)));
}
