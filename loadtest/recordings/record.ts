// `npx tsx loadtest/recordings/record.ts [vp9] [av1] [h264]`: a few seconds of a made-up test picture from Chromium's
// own encoders, for synthetic participants to send. What leaves the encoder is taken frame by frame,
// before it is cut into packets, from a call of the page with itself.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { launchBrowser } from '../../src/e2e/harness/browser.ts';
import { recordInPage, type TakenFrame } from './record-page.ts';
import { type Recording, recordedCodecs } from './recording.ts';

const FRAME_RATE = 15;
/** Loops join where the temporal layers' pattern of four pictures begins anew. */
const PICTURES = 24;
/** More are taken: an encoder may begin anew once its settings are known, and the last one may be cut short. */
const SPARE = 16;
/**
 * The encodings that the product's client asks for; AV1 with one temporal layer, which needs no descriptor. Less than
 * this size or bitrate, and the encoder of VP9 leaves layers out.
 */
const WANTED = {
  vp9: { scalabilityMode: 'L3T3_KEY', layers: 3, maxBitrate: 700_000, width: 960, height: 540 },
  av1: { scalabilityMode: 'L1T1', layers: 1, maxBitrate: 120_000, width: 640, height: 360 },
  h264: { scalabilityMode: 'L1T1', layers: 1, maxBitrate: 120_000, width: 640, height: 360 },
};

const takenSchema: z.ZodType<TakenFrame[]> = z.array(
  z.object({
    key: z.boolean(),
    timestamp: z.number(),
    spatial: z.number(),
    temporal: z.number(),
    data: z.string(),
  }),
);

const asked = process.argv.slice(2);
const browser = await launchBrowser();
try {
  for (const codec of recordedCodecs.filter((name) => asked.length === 0 || asked.includes(name))) {
    const page = await browser.newPage();
    // What is needed here is for secure origins alone.
    await page.route('https://record.invalid/', (route) =>
      route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>record</title>' }),
    );
    await page.goto('https://record.invalid/');
    const { width, height, layers } = WANTED[codec];
    const request = { codec, ...WANTED[codec], frameRate: FRAME_RATE, pictures: PICTURES + SPARE };
    const frames = takenSchema.parse(await page.evaluate(`(${recordInPage})(${JSON.stringify(request)})`));
    if (frames.length < PICTURES) throw new Error(`${codec}: the encoder made only ${frames.length} frames`);
    const recording: Recording = {
      about: `A made-up test picture of ${width}×${height}, from Chromium ${browser.version()}; made by loadtest/recordings/record.ts`,
      codec,
      width,
      height,
      pictures: picturesOf(frames, layers),
    };
    writeFileSync(join(import.meta.dirname, `${codec}.json`), `${JSON.stringify(recording)}\n`);
    const bytes = frames.reduce((sum, { data }) => sum + (data.length * 3) / 4, 0);
    process.stdout.write(`${codec}: ${recording.pictures.length} pictures, ${Math.round(bytes / 1000)} kB\n`);
    await page.close();
  }
} finally {
  await browser.close();
}

/** Frames of one moment, lowest layer first, are a picture; those from the last key picture on that leaves enough. */
function picturesOf(frames: readonly TakenFrame[], count: number): Recording['pictures'] {
  const pictures = new Map<number, TakenFrame[]>();
  for (const frame of frames)
    pictures.set(frame.timestamp, [...(pictures.get(frame.timestamp) ?? []), frame]);
  const all = [...pictures.values()];
  const begin = all.findLastIndex(([lowest], index) => lowest?.key === true && index + PICTURES < all.length);
  return all
    .slice(Math.max(0, begin))
    .slice(0, PICTURES)
    .map((layers, index) => {
      const [lowest] = layers;
      if (lowest === undefined || (index === 0) !== lowest.key || layers.length !== count)
        throw new Error(
          `picture ${index} has ${layers.length} layers, or is a key picture out of turn: try again`,
        );
      return { temporal: lowest.temporal, layers: layers.map(({ data }) => data) };
    });
}
