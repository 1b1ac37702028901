import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { NewShape } from '../native/messages.ts';
import type { Medium, ShapeChoice } from './plan.ts';

const FOLDER = join(import.meta.dirname, 'shapes');

const fileSchema = z.strictObject({
  /** What it is and how it was made. */
  about: z.string(),
  codec: z.enum(['opus', 'vp8']),
  /** Lowest first. Microseconds to the next frame; payload bytes of each packet. */
  layers: z.array(
    z.strictObject({
      frames: z.array(z.tuple([z.number(), z.array(z.number())])),
      keyFrame: z.array(z.number()).optional(),
    }),
  ),
});

/**
 * Gaps vary by so much, and none on the whole: the kernel tells user from system time by looking 250 times a second,
 * and would always see the same moment of streams in step with it.
 */
const UNEVEN = [-0.12, 0.07, -0.05, 0.1, -0.02, 0.11, -0.09];

/** Of packets with `size` bytes of payload each: `burst` of them at once, `rate` packets per second. */
function even(name: string, rate: number, size: number, burst = 1): NewShape {
  const gap = (burst * 1e6) / rate;
  const sizes = Array.from({ length: burst }, () => size);
  return { shape: name, frames: UNEVEN.map((part): [number, number[]] => [gap * (1 + part), sizes]) };
}

function video(...layers: NewShape[]): Medium {
  return { kind: 'video', codec: 'vp8', layers };
}

/** Opus of 20 ms frames. */
const audio: Medium = { kind: 'audio', codec: 'opus', layers: [even('audio', 50, 120)] };

/** 25 frames per second, of which one each second is a key frame of 60 packets. */
const keyFrames = video({
  shape: 'keyframes',
  frames: Array.from({ length: 25 }, (_, index): [number, number[]] => [
    40_000,
    index === 0 ? Array.from({ length: 60 }, () => 1100) : [1100, 1100, 640],
  ]),
});

/** A screen that changes every two seconds (90 packets at once) and has a moving pointer in between. */
const screen = video({
  shape: 'screen',
  frames: Array.from({ length: 20 }, (_, index): [number, number[]] => [
    100_000,
    index === 0 ? [...Array.from({ length: 89 }, () => 1150), 400] : [index % 3 === 0 ? 700 : 180],
  ]),
});

const made: readonly ShapeChoice[] = [
  { name: 'audio', media: [audio] },
  { name: 'even', media: [video(even('even', 200, 1100))] },
  { name: 'bursts', media: [video(even('bursts', 800, 1000, 4))] },
  { name: 'keyframes', media: [keyFrames] },
  { name: 'screen', media: [screen] },
];

/** The captured shapes, from `shapes/NAME.json`. */
function captured(name: string): ShapeChoice | undefined {
  const file = join(FOLDER, `${name}.json`);
  if (!existsSync(file)) return undefined;
  const { codec, layers } = fileSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  return {
    name,
    media: [
      {
        kind: codec === 'opus' ? 'audio' : 'video',
        codec,
        layers: layers.map(({ frames, keyFrame }, index) => ({
          shape: `${name}-${index}`,
          frames,
          ...(keyFrame === undefined ? {} : { keyFrame }),
        })),
      },
    ],
  };
}

/** Every shape that has a name, beside those that are written as `RATExSIZE` or `RATExSIZExBURST`. */
export function shapeNames(): string[] {
  const files = existsSync(FOLDER) ? readdirSync(FOLDER).filter((name) => name.endsWith('.json')) : [];
  return [...made.map(({ name }) => name), ...files.map((name) => name.slice(0, -5)), 'meeting'];
}

/**
 * The shape of that name. `meeting` is everyone to everyone with Opus and captured simulcast; `800x1000x4` is
 * 800 packets per second of 1000 bytes, four at a time.
 * @throws Error that lists the names there are
 */
export function findShape(name: string): ShapeChoice {
  const known = made.find((shape) => shape.name === name) ?? captured(name);
  if (known !== undefined) return known;
  if (name === 'meeting') {
    const simulcast = captured('chromium-simulcast');
    if (simulcast === undefined) throw new Error('shapes/chromium-simulcast.json is missing');
    return { name, media: [audio, ...simulcast.media], meeting: true };
  }
  const spec = /^(\d+)x(\d+)(?:x(\d+))?$/.exec(name);
  if (spec === null)
    throw new Error(`no shape ${name}; there are ${shapeNames().join(', ')}, and RATExSIZE[xBURST]`);
  const [rate, size, burst] = [Number(spec[1]), Number(spec[2]), Number(spec[3] ?? 1)];
  if (rate < 1 || size < 32 || size > 1400 || burst < 1 || burst > 200) {
    throw new Error(`${name}: sizes are 32 to 1400 bytes, bursts 1 to 200 packets`);
  }
  return { name, media: [video(even(name, rate, size, burst))] };
}
