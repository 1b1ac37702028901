import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { Command } from 'commander';
import { z } from 'zod';
import { startEngine } from '../../src/media/testing/fixture.ts';
import type { MediaEngine, MediaPeer, MediaRoom } from '../../src/media/types.ts';
import { rtpParametersSchema } from '../../src/protocol/rtp.ts';
import type { ConsumerInfo } from '../../src/protocol/state.ts';
import { Generator } from '../native/generator.ts';
import { CODECS, streamNumber } from './forwarder.ts';
import { machineDescription, machineLines } from './machine.ts';
import { producing } from './mediasoup-forwarder.ts';
import type { Medium } from './plan.ts';
import { findShape } from './shapes.ts';

const optionsSchema = z.object({
  people: z.coerce.number().int().min(2).max(100),
  seconds: z.coerce.number().int().min(1).max(60),
});

interface Case {
  readonly name: string;
  readonly media: readonly Medium[];
  /** Share of the packets that each receiver loses. */
  readonly loss: number;
}

const simulcast = findShape('chromium-simulcast').media;
const cases: readonly Case[] = [
  { name: 'microphones', media: findShape('audio').media, loss: 0 },
  { name: 'simulcast cameras', media: simulcast, loss: 0 },
  { name: 'simulcast cameras, 1 % lost', media: simulcast, loss: 0.01 },
];
const SETTLE_MS = 3_000;

/**
 * `npm run bench -- events`: what passes between a node and its worker while a room talks, and what it costs the
 * node. The room is the product's own, in this process; the generator's messages are a few, and only around it.
 */
export async function runEvents(args: readonly string[]): Promise<void> {
  const command = new Command('npm run bench -- events')
    .description('Events and statistics between worker and node, and the processor time they cost the node.')
    .option('--people <number>', 'who all send to each other: n × (n - 1) consumers', '23')
    .option('--seconds <number>', 'of each measurement', '10');
  command.parse(args, { from: 'user' });
  const { people, seconds } = optionsSchema.parse(command.opts());
  const rows: string[] = [];
  for (const one of cases) rows.push(await measureCase(one, people, seconds));
  process.stdout.write(
    [
      '# Between worker and node: figures',
      '',
      ...machineLines(machineDescription()),
      '',
      '| room | consumers | packets/s | messages/s of the worker | bytes/s | processor time of the node |',
      '|---|---|---|---|---|---|',
      ...rows,
      '',
    ].join('\n'),
  );
}

async function measureCase(one: Case, people: number, seconds: number): Promise<string> {
  const engine = await startEngine({
    limits: {
      consumersPerPeer: 256,
      maxIncomingBitrate: 10_000_000,
      maxOutgoingBitrate: 100_000_000,
      initialOutgoingBitrate: 50_000_000,
      consumersPerWorker: 10_000,
    },
  });
  const generator = await Generator.start({ tickUs: 1000 });
  try {
    const room = await engine.openRoom('room', { lastN: null, gate: admitting });
    for (const { layers } of one.media) for (const shape of layers) await generator.addShape(shape);
    const faults: unknown[] = [];
    for (let person = 0; person < people; person += 1) {
      await join(engine, room, generator, one, person, (error) => faults.push(error));
    }
    await delay(SETTLE_MS);
    const [pid = 0] = engine.workers().flatMap((worker) => worker.pid ?? []);
    const packets = (await generator.stats()).totals.received;
    const [before, cpuBefore, begun] = [written(pid), process.cpuUsage(), performance.now()];
    await delay(seconds * 1000);
    const [after, cpu, took] = [written(pid), process.cpuUsage(cpuBefore), performance.now() - begun];
    const received = (await generator.stats()).totals.received - packets;
    if (faults.length > 0) throw faults[0];
    const perSecond = (value: number): string => ((value * 1000) / took).toFixed(0);
    const share = ((cpu.user + cpu.system) / 10 / took).toFixed(1);
    const consumers = engine.workers().reduce((sum, worker) => sum + worker.consumers, 0);
    return `| ${one.name} | ${consumers} | ${perSecond(received)} | ${perSecond(after.messages - before.messages)} | ${perSecond(after.bytes - before.bytes)} | ${share} % of a core |`;
  } finally {
    await generator.close();
    await engine.close();
  }
}

const admitting = {
  assertTransport: () => {},
  assertProduce: () => {},
  assertConsume: () => {},
  assertAddress: () => {},
  assertPipe: () => {},
};

async function join(
  engine: MediaEngine,
  room: MediaRoom,
  generator: Generator,
  { media, loss }: Case,
  person: number,
  onFault: (error: unknown) => void,
): Promise<void> {
  const peer = room.addPeer(`peer${person}`);
  peer.on('consumersCreated', (created) => {
    receive(generator, peer, person, created).catch(onFault);
  });
  peer.setReceiveCapabilities(engine.routerRtpCapabilities);
  const impair = { dropReceive: loss, seed: person + 1 };
  await connect(generator, peer, 'receive', `receive${person}`, impair);
  const transportId = await connect(generator, peer, 'send', `send${person}`, {});
  for (const [index, medium] of media.entries()) {
    const source = medium.kind === 'audio' ? 'microphone' : 'camera';
    const { kind, rtpParameters } = producing(person, index, medium);
    await peer.produce({
      transportId,
      kind,
      source,
      rtpParameters: rtpParametersSchema.parse(rtpParameters),
    });
    for (const [layer, { shape }] of [...medium.layers.entries()].reverse()) {
      const { payloadType: pt, clockRate } = CODECS[medium.codec];
      const stream = streamNumber(person, index, layer);
      await generator.addSender({
        transport: `send${person}`,
        sender: `s${stream}`,
        shape,
        codec: medium.codec,
        ssrc: stream,
        stream,
        pt,
        clockRate,
        cname: `p${person}`,
      });
    }
  }
}

async function connect(
  generator: Generator,
  peer: MediaPeer,
  direction: 'send' | 'receive',
  name: string,
  impair: { readonly dropReceive?: number; readonly seed?: number },
): Promise<string> {
  const info = await peer.createTransport(direction);
  const { value } = generator.fingerprint;
  await peer.connectTransport(info.transportId, {
    role: 'client',
    fingerprints: [{ algorithm: 'sha-256', value }],
  });
  await generator.addTransport({
    transport: name,
    bind: '127.0.0.1',
    impair,
    profiles: ['AEAD_AES_256_GCM'],
    ice: { ufrag: info.iceParameters.usernameFragment, pwd: info.iceParameters.password },
    candidates: info.iceCandidates.map(({ address, port }) => ({ ip: address, port })),
    fingerprints: info.dtlsParameters.fingerprints,
  });
  await generator.connected(name);
  return info.transportId;
}

async function receive(
  generator: Generator,
  peer: MediaPeer,
  person: number,
  created: readonly ConsumerInfo[],
): Promise<void> {
  for (const { consumerId, kind, rtpParameters } of created) {
    const codec = kind === 'audio' ? 'opus' : 'vp8';
    const encoding = rtpParameters.encodings?.[0];
    if (encoding?.ssrc === undefined) throw new Error('the consumer has no SSRC');
    await generator.addReceiver({
      transport: `receive${person}`,
      receiver: consumerId,
      ssrc: encoding.ssrc,
      ...(encoding.rtx !== undefined && { rtx: { ssrc: encoding.rtx.ssrc } }),
      clockRate: CODECS[codec].clockRate,
      codec,
      nack: true,
    });
  }
  await peer.resumeConsumers(created.map(({ consumerId }) => consumerId));
}

/** What a worker has written: to its channel, nearly all of it, for what it sends as datagrams does not count here. */
function written(pid: number): { readonly messages: number; readonly bytes: number } {
  const io = readFileSync(`/proc/${pid}/io`, 'utf8');
  const field = (name: string): number => Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(io)?.[1]);
  return { messages: field('syscw'), bytes: field('wchar') };
}
