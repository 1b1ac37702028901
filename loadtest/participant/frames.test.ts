import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launchBrowser } from '../../src/e2e/harness/browser.ts';
import { portOf } from '../../src/testing/free-port.ts';
import { opusSource, vp8Source } from './frame-source.ts';
import { readStamp, STAMP_BYTES, writeStamp } from './stamp.ts';
import { readVp8, VP8_DESCRIPTOR_BYTES } from './vp8-frames.ts';
import { readVp9, vp9Descriptor } from './vp9-frames.ts';

/** What is made up is put to a real decoder: the browser's, through WebCodecs. */
let browser: Browser;
let server: Server;
let page: Page;

beforeAll(async () => {
  browser = await launchBrowser();
  // WebCodecs needs a secure context, and loopback is one.
  server = createServer((_request, response) => response.setHeader('content-type', 'text/html').end('<p>'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${portOf(server)}/`);
});
afterAll(async () => {
  await browser.close();
  server.close();
});

interface Chunk {
  readonly type: 'key' | 'delta';
  readonly data: number[];
}

/** Decodes in the page; the script is text, since what runs there knows nothing of this file. */
async function decode(
  what: 'VideoDecoder' | 'AudioDecoder',
  config: object,
  chunks: Chunk[],
): Promise<unknown> {
  const script = `async ({ what, config, chunks }) => {
    const outputs = [];
    const faults = [];
    const decoder = new globalThis[what]({
      output: (frame) => {
        if (what === 'AudioDecoder') outputs.push({ frames: frame.numberOfFrames });
        else outputs.push(frame.clone());
        frame.close();
      },
      error: (error) => faults.push(String(error)),
    });
    decoder.configure(config);
    const Chunk = what === 'AudioDecoder' ? EncodedAudioChunk : EncodedVideoChunk;
    chunks.forEach(({ type, data }, n) =>
      decoder.decode(new Chunk({ type, timestamp: n * 20000, data: new Uint8Array(data) })));
    await decoder.flush().catch((error) => faults.push(String(error)));
    const told = [];
    for (const output of outputs) {
      if (what === 'AudioDecoder') { told.push(output); continue; }
      const bytes = new Uint8Array(output.allocationSize());
      await output.copyTo(bytes);
      told.push({ width: output.codedWidth, height: output.codedHeight, grey: bytes.every((b) => Math.abs(b - 128) < 3) });
      output.close();
    }
    return { told, faults };
  }`;
  return page.evaluate(`(${script})(${JSON.stringify({ what, config, chunks })})`);
}

/** The frames as a receiver puts them together again: descriptors off, payloads joined, stamps in place. */
function vp8Chunks(width: number, height: number, bitrate: number, count: number): Chunk[] {
  const source = vp8Source(width, height, 25, bitrate);
  return Array.from({ length: count }, (_, n) => {
    if (n === 3) source.requestKeyFrame();
    const payloads = source.next();
    for (const { bytes, stampAt } of payloads) {
      if (stampAt !== null) writeStamp(bytes, { stream: 7, count: n, sentAt: 1n }, stampAt);
    }
    const [first] = payloads;
    const key = first !== undefined && readVp8(first.bytes)?.key === true;
    const data = payloads.flatMap(({ bytes }) => [...bytes.subarray(VP8_DESCRIPTOR_BYTES)]);
    return { type: key ? 'key' : 'delta', data };
  });
}

describe('made-up VP8', () => {
  test.each([
    [16, 16, 0],
    [160, 90, 100_000],
    [640, 360, 1_200_000],
    [1280, 720, 0],
    [1280, 720, 4_000_000],
  ])('of %i × %i at %i bit/s decodes to an even grey', async (width, height, bitrate) => {
    const chunks = vp8Chunks(width, height, bitrate, 6);
    expect(chunks.map(({ type }) => type)).toEqual(['key', 'delta', 'delta', 'key', 'delta', 'delta']);
    const picture = { width, height, grey: true };
    expect(await decode('VideoDecoder', { codec: 'vp8' }, chunks)).toEqual({
      told: chunks.map(() => picture),
      faults: [],
    });
  });

  test('takes the bitrate that is asked for, in payloads that fit a path', () => {
    const source = vp8Source(640, 360, 25, 1_000_000);
    const payloads = Array.from({ length: 25 }, () => source.next()).flat();
    const bits = payloads.reduce((sum, { bytes }) => sum + bytes.length * 8, 0);
    expect(bits).toBeGreaterThan(900_000);
    expect(bits).toBeLessThan(1_100_000);
    expect(Math.max(...payloads.map(({ bytes }) => bytes.length))).toBeLessThanOrEqual(1100);
  });
});

describe('made-up Opus', () => {
  test.each([28, 80, 254, 255, 256, 400, 1000])('in packets of %i bytes decodes to 20 ms', async (length) => {
    const chunks = Array.from({ length: 4 }, (): Chunk => {
      const [payload] = opusSource(length).next();
      if (payload === undefined) throw new Error('no packet');
      expect(payload.bytes).toHaveLength(length);
      writeStamp(payload.bytes, { stream: 7, count: 1, sentAt: 5n });
      return { type: 'key', data: [...payload.bytes] };
    });
    const config = { codec: 'opus', sampleRate: 48_000, numberOfChannels: 2 };
    expect(await decode('AudioDecoder', config, chunks)).toEqual({
      told: chunks.map(() => ({ frames: 960 })),
      faults: [],
    });
  });
});

test('stamps come back as they were written, and only stamps do', () => {
  const payload = Buffer.alloc(STAMP_BYTES + 3, 1);
  expect(readStamp(payload)).toBeUndefined();
  const stamp = { stream: 0xffff_fffe, count: 70_000, sentAt: 2n ** 60n };
  writeStamp(payload, stamp);
  expect(readStamp(payload)).toEqual(stamp);
  expect([...payload.subarray(0, 3)]).toEqual([1, 1, 1]);
  expect(readStamp(payload.subarray(4))).toBeUndefined();
});

describe('a VP9 payload descriptor', () => {
  const picture = { pictureId: 0x1234, tl0PictureIndex: 7, temporalLayer: 0 };

  test('tells the sizes of all layers where a key picture begins', () => {
    const sizes = [
      [320, 180],
      [640, 360],
    ] as const;
    const first = { ...picture, start: true, end: false, spatialLayer: 0, key: true, sizes };
    const bytes = vp9Descriptor(first);
    expect(bytes.toString('hex')).toBe('aa9234000730' + '014000b4' + '02800168');
    expect(readVp9(bytes)).toEqual({ spatialLayer: 0, key: true });
  });

  test('tells the group of pictures where there are temporal layers, of which each picture names its own', () => {
    const first = {
      ...picture,
      start: true,
      end: true,
      spatialLayer: 0,
      key: true,
      sizes: [[320, 180]] as const,
      temporalLayers: 3 as const,
    };
    expect(vp9Descriptor(first).toString('hex')).toBe(
      'ae9234000718' + '014000b4' + '04' + '140454013402' + '5401',
    );
    const upper = { ...picture, start: true, end: true, spatialLayer: 1, key: false, temporalLayer: 2 };
    expect(vp9Descriptor(upper).toString('hex')).toBe('ed92345207');
  });

  test("of a key picture's upper layer depends on the lower one, and is no key frame by itself", () => {
    const bytes = vp9Descriptor({ ...picture, start: true, end: true, spatialLayer: 1, key: true });
    expect(bytes.toString('hex')).toBe('ac92340307');
    expect(readVp9(bytes)).toEqual({ spatialLayer: 1, key: false });
  });

  test('of another picture depends on the same layer before it alone', () => {
    const bytes = vp9Descriptor({ ...picture, start: false, end: true, spatialLayer: 2, key: false });
    expect(bytes.toString('hex')).toBe('e592340407');
    expect(readVp9(bytes)).toEqual({ spatialLayer: 2, key: false });
  });
});
