// `npx tsx loadtest/bench/capture/capture.ts [--seconds 10]`: what a real Chromium sends to a real worker, packet by
// packet, as shape files for the benchmark (`../shapes/chromium*.json`). Its camera and microphone are Chromium's fake
// ones. Run it on a machine that has nothing else to do: a starved encoder makes other frames.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { build } from 'esbuild';
import { createWorker, type types } from 'mediasoup';
import { type Browser, chromium, type Page } from 'playwright-core';
import { findWorker } from '../../../workers/ensure.ts';
import { largestFrame, shapeOf, streamsIn } from './frames.ts';
import type { PublishRequest } from './page.ts';
import { type Passed, type Relay, startRelay } from './relay.ts';

const SHAPES = join(import.meta.dirname, '../shapes');
/** Until bandwidth estimation has let the encoder go as high as it may. */
const RAMP_MS = 15_000;
const KEY_FRAME_MS = 1500;
const CLOCK_RATES = { opus: 48_000, vp8: 90_000 };

const WHAT: Record<PublishRequest['source'], { file: string; about: string; streams: number }> = {
  camera: { file: 'chromium', about: 'VP8 of 1280×720 at 30 frames per second', streams: 1 },
  simulcast: {
    file: 'chromium-simulcast',
    about: 'VP8 simulcast of 320×180, 640×360 and 1280×720 at 30 frames per second',
    streams: 3,
  },
  microphone: { file: 'chromium-opus', about: 'Opus, a beep each second', streams: 1 },
};

const seconds = Number(process.argv[process.argv.indexOf('--seconds') + 1] ?? 10) || 10;
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const worker = await createWorker({ workerBin: findWorker()?.path ?? '', logLevel: 'error' });
let browser: Browser | undefined;
try {
  browser = await chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--use-fake-device-for-media-stream=fps=30',
      '--use-fake-ui-for-media-stream',
    ],
  });
  const script = await bundled();
  for (const source of ['camera', 'simulcast', 'microphone'] as const) {
    await capture(worker, await browser.newPage(), script, source, browser.version());
  }
} finally {
  await browser?.close();
  worker.close();
}

async function bundled(): Promise<string> {
  const result = await build({
    entryPoints: [join(import.meta.dirname, 'page.ts')],
    bundle: true,
    write: false,
    format: 'iife',
    target: 'chrome120',
  });
  return result.outputFiles[0]?.text ?? '';
}

async function capture(
  worker: types.Worker,
  page: Page,
  script: string,
  source: PublishRequest['source'],
  version: string,
): Promise<void> {
  const { file, about, streams } = WHAT[source];
  const router = await worker.createRouter({
    mediaCodecs: [
      { kind: 'audio', mimeType: 'audio/opus', clockRate: 48_000, channels: 2 },
      { kind: 'video', mimeType: 'video/VP8', clockRate: 90_000 },
    ],
  });
  const transport = await router.createWebRtcTransport({
    listenInfos: [{ protocol: 'udp', ip: '127.0.0.1' }],
  });
  const candidate = transport.iceCandidates[0];
  if (candidate === undefined) throw new Error('the worker offers no candidate');
  const relay = await startRelay({ ip: candidate.address, port: candidate.port });
  try {
    const producer = await publish(
      page,
      router,
      transport,
      { ...candidate, port: relay.port },
      script,
      source,
    );
    await delay(RAMP_MS);
    const keyFrames = source === 'microphone' ? [] : await requestKeyFrames(router, producer, relay, streams);
    relay.take();
    await delay(seconds * 1000);
    const codec = source === 'microphone' ? 'opus' : 'vp8';
    const layers = streamsIn(relay.take(), streams).map((stream, index) => ({
      frames: shapeOf(stream, CLOCK_RATES[codec]),
      ...(keyFrames[index] === undefined ? {} : { keyFrame: keyFrames[index] }),
    }));
    const words = `${about}, from Chromium ${version} with its fake devices; captured by loadtest/bench/capture/capture.ts`;
    writeFileSync(join(SHAPES, `${file}.json`), `${JSON.stringify({ about: words, codec, layers })}\n`);
    const packets = layers.map(({ frames }) => frames.reduce((sum, [, sizes]) => sum + sizes.length, 0));
    console.log(
      `${file}: ${packets.map((count) => Math.round(count / seconds)).join(', ')} packets/s by layer`,
    );
  } finally {
    relay.close();
    await page.close();
    router.close();
  }
}

async function publish(
  page: Page,
  router: types.Router,
  transport: types.WebRtcTransport,
  candidate: types.IceCandidate,
  script: string,
  source: PublishRequest['source'],
): Promise<types.Producer> {
  let producer: types.Producer | undefined;
  await page.exposeFunction('connectTransport', (dtlsParameters: types.DtlsParameters) =>
    transport.connect({ dtlsParameters }),
  );
  await page.exposeFunction('produceMedia', async (options: types.ProducerOptions) => {
    producer = await transport.produce(options);
    return producer.id;
  });
  // Cameras are for secure origins alone.
  await page.route('https://capture.invalid/', (route) =>
    route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>capture</title>' }),
  );
  await page.goto('https://capture.invalid/');
  await page.addScriptTag({ content: script });
  const request = {
    source,
    routerRtpCapabilities: router.rtpCapabilities,
    transport: {
      id: transport.id,
      iceParameters: transport.iceParameters,
      iceCandidates: [candidate],
      dtlsParameters: transport.dtlsParameters,
    },
  };
  await page.evaluate(`publish(${JSON.stringify(request)})`);
  // Only now, once the page has got its answer.
  return producer ?? Promise.reject(new Error('the page produced nothing'));
}

/** Asks for a key frame of each layer, from the lowest, and takes the largest frame that follows. */
async function requestKeyFrames(
  router: types.Router,
  producer: types.Producer,
  relay: Relay,
  streams: number,
): Promise<number[][]> {
  const direct = await router.createDirectTransport();
  const consumer = await direct.consume({
    producerId: producer.id,
    rtpCapabilities: router.rtpCapabilities,
  });
  const found: number[][] = [];
  for (let layer = 0; layer < streams; layer += 1) {
    if (streams > 1) await consumer.setPreferredLayers({ spatialLayer: layer });
    await delay(KEY_FRAME_MS);
    relay.take();
    await consumer.requestKeyFrame();
    await delay(KEY_FRAME_MS);
    const packets: Passed[] = relay.take();
    found.push(largestFrame(streamsIn(packets, streams)[layer] ?? []));
  }
  direct.close();
  return found;
}
