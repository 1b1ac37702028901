import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createWorker, type types } from 'mediasoup';
import { socketBuffers } from '../../src/media/socket-buffers.ts';
import type { Generator } from '../native/generator.ts';
import {
  addSenders,
  addShapes,
  CODECS,
  type Forwarder,
  names,
  type Session,
  type Setting,
  streamNumber,
} from './forwarder.ts';
import type { Medium, Plan } from './plan.ts';
import { claimCore, memory, TETHER } from './process.ts';

const FEEDBACK = [{ type: 'nack' }, { type: 'nack', parameter: 'pli' }, { type: 'ccm', parameter: 'fir' }];

/** What the participants can do: as browsers, RTX, NACK and, where it is asked for, bandwidth estimation. */
export const CODEC_CAPABILITIES: types.RouterRtpCodecCapability[] = [
  { kind: 'audio', ...CODECS.opus, preferredPayloadType: CODECS.opus.payloadType, channels: 2 },
  {
    kind: 'video',
    ...CODECS.vp8,
    preferredPayloadType: CODECS.vp8.payloadType,
    rtcpFeedback: [...FEEDBACK, { type: 'transport-cc' }],
  },
];

/** A mediasoup worker, named by its executable, with one WebRtcServer as the product has it. */
export function mediasoupForwarder(label: string, workerBin: string, about: string): Forwarder {
  return {
    label,
    about,
    speaksTcp: true,
    async open(setting) {
      const tethered = tether(workerBin);
      try {
        const worker = await createWorker({ workerBin: tethered, logLevel: 'error' });
        try {
          return await openSession(worker, setting);
        } catch (error) {
          worker.close();
          throw error;
        }
      } finally {
        rmSync(dirname(tethered), { recursive: true });
      }
    },
  };
}

/** A command that becomes the worker: mediasoup takes no arguments before the program. */
function tether(workerBin: string): string {
  const script = join(mkdtempSync(join(tmpdir(), 'watershed-worker-')), 'mediasoup-worker');
  writeFileSync(script, `#!/bin/sh\nexec ${TETHER.join(' ')} '${workerBin}' "$@"\n`, { mode: 0o700 });
  return script;
}

async function openSession(worker: types.Worker, setting: Setting): Promise<Session> {
  const { plan, generator, place, tcp } = setting;
  claimCore(worker.pid, setting.core);
  const router = await worker.createRouter({ mediaCodecs: CODEC_CAPABILITIES });
  const webRtcServer = await worker.createWebRtcServer({
    listenInfos: [
      tcp
        ? { protocol: 'tcp', ip: place.forwarderIp }
        : { protocol: 'udp', ip: place.forwarderIp, ...socketBuffers },
    ],
  });
  await addShapes(generator, plan);
  const connect = async (name: string, twcc?: number): Promise<types.WebRtcTransport> => {
    const transport = await router.createWebRtcTransport({
      webRtcServer,
      enableTcp: tcp === true,
      // Where an estimate begins: high enough for the highest layers at once.
      initialAvailableOutgoingBitrate: 50_000_000,
    });
    await attach(transport, setting, name, twcc);
    return transport;
  };
  const publish = async (media: readonly Medium[], participant: number): Promise<types.Producer[]> => {
    if (media.length === 0) return [];
    const transport = await connect(`send${participant}`);
    return Promise.all(media.map((one, index) => transport.produce(producing(participant, index, one))));
  };
  const producers = await Promise.all(
    plan.participants.map(({ publishes }, participant) => publish(publishes, participant)),
  );
  const memoryBefore = memory([worker.pid]);
  const capabilities = setting.bandwidthEstimation
    ? router.rtpCapabilities
    : withoutBandwidthEstimation(router.rtpCapabilities);
  const twcc = capabilities.headerExtensions?.find(({ uri }) => uri.includes('transport-wide-cc'));
  // All at once: two hundred handshakes, one after the other, take seconds.
  const subscribe = async (participant: number, subscribesTo: readonly number[]): Promise<void> => {
    const transport = await connect(`receive${participant}`, twcc?.preferredId);
    for (const from of subscribesTo) {
      for (const [index, producer] of (producers[from] ?? []).entries()) {
        const consumer = await transport.consume({ producerId: producer.id, rtpCapabilities: capabilities });
        await receive(generator, plan, `receive${participant}`, participant, from, index, consumer);
      }
    }
  };
  await Promise.all(
    plan.participants.flatMap(({ subscribesTo }, participant) =>
      subscribesTo.length === 0 ? [] : [subscribe(participant, subscribesTo)],
    ),
  );
  await addSenders(generator, plan, (participant) => `send${participant}`);
  return {
    pids: [worker.pid],
    memoryBefore,
    async close() {
      worker.close();
    },
  };
}

/** Brings a transport of the worker together with one of the generator. */
export async function attach(
  transport: types.WebRtcTransport,
  { generator, profile, place, tcp }: Setting,
  name: string,
  twcc: number | undefined,
): Promise<void> {
  const { algorithm, value } = generator.fingerprint;
  if (algorithm !== 'sha-256') throw new Error('the generator has another kind of fingerprint');
  await transport.connect({ dtlsParameters: { role: 'client', fingerprints: [{ algorithm, value }] } });
  await generator.addTransport({
    transport: name,
    bind: place.generatorIp,
    tcp: tcp === true,
    ...(twcc === undefined ? {} : { twcc }),
    profiles: [profile],
    ice: { ufrag: transport.iceParameters.usernameFragment, pwd: transport.iceParameters.password },
    candidates: transport.iceCandidates.map(({ address, port }) => ({ ip: address, port })),
    fingerprints: transport.dtlsParameters.fingerprints,
  });
  await generator.connected(name);
}

/** What a participant's medium is produced with. */
export function producing(participant: number, index: number, medium: Medium): types.ProducerOptions {
  const codec = CODECS[medium.codec];
  return {
    kind: medium.kind,
    rtpParameters: {
      codecs: [medium.kind === 'audio' ? { ...codec, channels: 2 } : { ...codec, rtcpFeedback: FEEDBACK }],
      encodings: medium.layers.map((_, layer) => ({ ssrc: streamNumber(participant, index, layer) })),
      rtcp: { cname: `p${participant}` },
    },
  };
}

/** Lets the generator receive what a consumer sends. */
export async function receive(
  generator: Generator,
  plan: Plan,
  transport: string,
  participant: number,
  from: number,
  index: number,
  consumer: types.Consumer,
): Promise<void> {
  const encoding = consumer.rtpParameters.encodings?.[0];
  const medium = plan.participants[from]?.publishes[index];
  if (encoding?.ssrc === undefined || medium === undefined) throw new Error('the consumer has no SSRC');
  await generator.addReceiver({
    transport,
    receiver: names.receiver(participant, from, index),
    ssrc: encoding.ssrc,
    ...(encoding.rtx === undefined ? {} : { rtx: { ssrc: encoding.rtx.ssrc } }),
    clockRate: CODECS[medium.codec].clockRate,
    codec: medium.codec,
  });
}

/** Capabilities of participants that report nothing of what arrives. */
export function withoutBandwidthEstimation(capabilities: types.RtpCapabilities): types.RtpCapabilities {
  return {
    codecs: (capabilities.codecs ?? []).map((codec) => ({
      ...codec,
      rtcpFeedback: (codec.rtcpFeedback ?? []).filter(
        ({ type }) => type !== 'transport-cc' && type !== 'goog-remb',
      ),
    })),
    headerExtensions: (capabilities.headerExtensions ?? []).filter(
      ({ uri }) => !uri.includes('transport-wide-cc') && !uri.includes('abs-send-time'),
    ),
  };
}
