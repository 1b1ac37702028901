import { existsSync } from 'node:fs';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { z } from 'zod';
import { waitFor } from '../../testing/wait.ts';

/** Chromium as set-up installs it; `CHROMIUM` names another. */
export async function launchBrowser(): Promise<Browser> {
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  if (!existsSync(executablePath)) throw new Error(`no ${executablePath}: run \`npm run setup\``);
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--disable-dev-shm-usage',
      '--autoplay-policy=no-user-gesture-required',
      '--use-fake-device-for-media-stream',
      '--use-fake-ui-for-media-stream',
      '--auto-select-desktop-capture-source=Entire screen',
    ],
  });
}

/** One window of a person in a meeting. */
export interface Window {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Sums over everything that this window receives. */
  received(): Promise<Received>;
  close(): Promise<void>;
}

const receivedSchema = z.object({
  videoFrames: z.number(),
  audioSamples: z.number(),
  /** Grows with loudness times time: silence adds nothing. */
  audioEnergy: z.number(),
  codecs: z.array(z.string()).readonly(),
  /** Heights in pixels of the videos being decoded. */
  heights: z.array(z.number()).readonly(),
  srtpCiphers: z.array(z.string()).readonly(),
  /** Of the pairs of candidates that media goes over: `udp`, `tcp`. */
  protocols: z.array(z.string()).readonly(),
  consumed: z.number(),
});
export type Received = Readonly<z.output<typeof receivedSchema>>;

/** Opens the meeting page, fills in the lobby as a person would, and joins. */
export async function joinMeeting(
  browser: Browser,
  url: string,
  options: { room: string; name: string; codec?: string; storage?: Record<string, string> },
): Promise<Window> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  // Keeps hold of the page's peer connections, whose statistics only their owner can ask for.
  await page.addInitScript(`
    const peerConnections = [];
    const Original = RTCPeerConnection;
    globalThis.RTCPeerConnection = class extends Original {
      constructor(...args) { super(...args); peerConnections.push(this); }
    };
    globalThis.__peerConnections = peerConnections;
  `);
  const stored = { ...options.storage, ...(options.codec !== undefined && { codec: options.codec }) };
  await page.addInitScript(
    `for (const [k, v] of Object.entries(${JSON.stringify(stored)})) localStorage.setItem('watershed.' + k, v);`,
  );
  await page.goto(`${url}/r/${options.room}`);
  await page.getByTestId('name').fill(options.name);
  await page.getByTestId('join').click();
  await page.getByTestId('meeting').waitFor({ timeout: 20_000 });
  return {
    page,
    context,
    received: async () => receivedSchema.parse(await page.evaluate(RECEIVED)),
    close: () => context.close(),
  };
}

/** Frames and audible samples keep coming: more of both than a moment ago. */
export async function seesAndHears(window: Window, codec: string): Promise<void> {
  await waitFor(
    `${codec} and sound`,
    async () => {
      const { codecs, videoFrames, audioEnergy } = await window.received();
      return codecs.includes(codec) && codecs.includes('opus') && videoFrames > 10 && audioEnergy > 0;
    },
    40_000,
    250,
  );
  const before = await window.received();
  await waitFor(
    'more of it',
    async () => {
      const after = await window.received();
      return after.videoFrames > before.videoFrames + 5 && after.audioEnergy > before.audioEnergy;
    },
    20_000,
    250,
  );
}

/** Evaluated in the page. */
const RECEIVED = `(async () => {
  const out = { videoFrames: 0, audioSamples: 0, audioEnergy: 0, codecs: [], heights: [], srtpCiphers: [], protocols: [], consumed: 0 };
  for (const pc of globalThis.__peerConnections) {
    if (pc.connectionState === 'closed') continue;
    const report = await pc.getStats();
    for (const stat of report.values()) {
      if (stat.type === 'transport' && stat.srtpCipher) {
        out.srtpCiphers.push(stat.srtpCipher);
        const pair = report.get(stat.selectedCandidatePairId);
        const local = pair && report.get(pair.localCandidateId);
        if (local) out.protocols.push(local.protocol);
      }
      if (stat.type !== 'inbound-rtp') continue;
      out.consumed++;
      if (stat.kind === 'video') {
        out.videoFrames += stat.framesDecoded ?? 0;
        if (stat.frameHeight) out.heights.push(stat.frameHeight);
      } else {
        out.audioSamples += stat.totalSamplesReceived ?? 0;
        out.audioEnergy += stat.totalAudioEnergy ?? 0;
      }
      const codec = report.get(stat.codecId);
      if (codec) out.codecs.push(codec.mimeType.split('/')[1].toLowerCase());
    }
  }
  return out;
})()`;
