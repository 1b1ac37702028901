import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** Codecs whose frames are recorded ones: a browser's encoder made them, since none is at hand here. */
export const recordedCodecs = ['vp9', 'av1', 'h264'] as const;
export type RecordedCodec = (typeof recordedCodecs)[number];

/** The codec of a MIME type (`video/VP9`), if it is a recorded one. */
export function recordedCodecOf(mimeType: string): RecordedCodec | undefined {
  return recordedCodecs.find((codec) => mimeType.toLowerCase() === `video/${codec}`);
}

const recordingSchema = z.object({
  about: z.string(),
  codec: z.enum(recordedCodecs),
  /** Pixels of the highest layer; each lower one has half of that. */
  width: z.number(),
  height: z.number(),
  /** The first is a key picture; played in a loop. */
  pictures: z
    .array(
      z.object({
        /** Temporal layer. */
        temporal: z.number(),
        /** One frame for each spatial layer, lowest first; base64. */
        layers: z.array(z.string()).min(1),
      }),
    )
    .min(1),
});
export type Recording = z.infer<typeof recordingSchema>;

const read = new Map<RecordedCodec, Recording>();

/** What comes along for a codec. */
export function recordingOf(codec: RecordedCodec): Recording {
  const known = read.get(codec);
  if (known !== undefined) return known;
  const recording = recordingSchema.parse(
    JSON.parse(readFileSync(new URL(`./${codec}.json`, import.meta.url), 'utf8')),
  );
  read.set(codec, recording);
  return recording;
}
