import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { createWorker, type types } from 'mediasoup';
import { z } from 'zod';
import { MEDIA_CODECS } from '../../src/media/codecs.ts';
import { connectEnd, createEnd, endOf } from '../../src/media/node-pipe.ts';
import { ensureWorker } from '../../workers/ensure.ts';
import { machineDescription, machineLines } from './machine.ts';

const PACKETS_PER_SECOND = 2000;
const PACKET_BYTES = 1000;
const BURST_MS = 4;
/** Pipes, and producers in one pipe, over which memory is taken. */
const MANY = 200;
const VP8 = 96;

const optionsSchema = z.object({ rounds: z.coerce.number(), seconds: z.coerce.number() });

interface Site {
  readonly worker: types.Worker;
  readonly router: types.Router;
}

/** `npm run bench -- pipes`: what a pipe between two nodes costs, beyond what is there without it. */
export async function runPipes(args: readonly string[]): Promise<void> {
  const command = new Command('npm run bench -- pipes')
    .description('What a pipe between two nodes costs its workers, in time and memory.')
    .option('--rounds <number>', 'each without and with a pipe; the first is dropped', '6')
    .option('--seconds <number>', 'of each measurement', '4');
  command.parse(args, { from: 'user' });
  const { rounds, seconds } = optionsSchema.parse(command.opts());
  const { path: workerBin } = await ensureWorker();
  const [from, to] = [await site(workerBin), await site(workerBin)];
  try {
    // In workers that have freed nothing yet, which would be taken again.
    const memoryOfPipe = await memoryOfPipes(from);
    const figures = {
      ...(await processorTime(from, to, rounds, seconds)),
      'opening the first producer of a pipe (ms)': await openings(from, to),
      'memory of a pipe at one end (kB)': [memoryOfPipe],
      'memory of a producer at both ends (kB)': [await memoryOfProducers(from, to)],
    };
    process.stdout.write(markdown(figures));
  } finally {
    from.worker.close();
    to.worker.close();
  }
}

async function site(workerBin: string): Promise<Site> {
  const worker = await createWorker({ workerBin, logLevel: 'error' });
  return { worker, router: await worker.createRouter({ mediaCodecs: [...MEDIA_CODECS] }) };
}

/** A producer that this process feeds, without any network before it. */
async function feed({ router }: Site, ssrc: number): Promise<types.Producer> {
  const transport = await router.createDirectTransport();
  return transport.produce({
    kind: 'video',
    rtpParameters: {
      codecs: [{ mimeType: 'video/VP8', payloadType: VP8, clockRate: 90_000 }],
      encodings: [{ ssrc }],
    },
  });
}

interface Open {
  readonly copy: types.Producer;
  close(): void;
}

async function pipe(producer: types.Producer, from: Site, to: Site): Promise<Open> {
  const options = { ip: '127.0.0.1' };
  const [near, far] = await Promise.all([createEnd(from, options), createEnd(to, options)]);
  await Promise.all([connectEnd(near, endOf(far)), connectEnd(far, endOf(near))]);
  const { copy } = await carry(producer, near, far);
  return {
    copy,
    close() {
      near.close();
      far.close();
    },
  };
}

async function carry(producer: types.Producer, near: types.PipeTransport, far: types.PipeTransport) {
  const consumer = await near.consume({ producerId: producer.id });
  const { kind, rtpParameters } = consumer;
  return { copy: await far.produce({ id: producer.id, kind, rtpParameters }) };
}

async function processorTime(from: Site, to: Site, rounds: number, seconds: number) {
  const producer = await feed(from, 1);
  const figures: Record<string, number[]> = {
    'sending, µs of processor time per packet': [],
    'receiving, µs of processor time per packet': [],
  };
  let sequence = 0;
  const run = async () => {
    const before = await Promise.all([from, to].map(used));
    const end = performance.now() + seconds * 1000;
    let sent = 0;
    for (let due = performance.now(); due < end; due += BURST_MS) {
      for (let i = 0; i < (PACKETS_PER_SECOND * BURST_MS) / 1000; i += 1) {
        producer.send(packet(1, sequence++));
        sent += 1;
      }
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, due + BURST_MS - performance.now())));
    }
    const after = await Promise.all([from, to].map(used));
    return { sent, times: after.map((ms, i) => ((ms - (before[i] ?? 0)) * 1000) / sent) };
  };
  for (let round = 0; round < rounds; round += 1) {
    const without = await run();
    const open = await pipe(producer, from, to);
    const withPipe = await run();
    const [stat] = await open.copy.getStats();
    open.close();
    if ((stat?.packetCount ?? 0) < withPipe.sent * 0.999) throw new Error('packets were lost: run it again');
    if (round === 0) continue;
    Object.values(figures).forEach((values, i) => {
      values.push((withPipe.times[i] ?? 0) - (without.times[i] ?? 0));
    });
  }
  producer.close();
  return figures;
}

async function openings(from: Site, to: Site): Promise<number[]> {
  const producer = await feed(from, 2);
  const times: number[] = [];
  for (let i = 0; i < 50; i += 1) {
    const start = performance.now();
    const open = await pipe(producer, from, to);
    times.push(performance.now() - start);
    open.close();
  }
  producer.close();
  return times;
}

async function memoryOfPipes(at: Site): Promise<number> {
  const ends: types.PipeTransport[] = [];
  const before = resident(at);
  for (let i = 0; i < MANY; i += 1) ends.push(await createEnd(at, { ip: '127.0.0.1' }));
  for (const [i, end] of ends.entries()) {
    await connectEnd(end, { ...endOf(end), port: 1024 + i });
  }
  const taken = resident(at) - before;
  for (const end of ends) end.close();
  return taken / MANY;
}

/** With what it keeps to send again when the network loses it: a second of each is sent first. */
async function memoryOfProducers(from: Site, to: Site): Promise<number> {
  const options = { ip: '127.0.0.1' };
  const [near, far] = await Promise.all([createEnd(from, options), createEnd(to, options)]);
  await Promise.all([connectEnd(near, endOf(far)), connectEnd(far, endOf(near))]);
  const producers: types.Producer[] = [];
  for (let i = 0; i < MANY; i += 1) producers.push(await feed(from, 1000 + i));
  const send = async () => {
    for (let sequence = 0; sequence < 100; sequence += 1) {
      for (const [i, producer] of producers.entries()) producer.send(packet(1000 + i, sequence));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  await send();
  const before = resident(from) + resident(to);
  for (const producer of producers) await carry(producer, near, far);
  await send();
  return (resident(from) + resident(to) - before) / MANY;
}

/** Milliseconds of processor time. */
async function used({ worker }: Site): Promise<number> {
  const { ru_utime, ru_stime } = await worker.getResourceUsage();
  return ru_utime + ru_stime;
}

/** kB of the worker's own pages. */
function resident({ worker }: Site): number {
  const rollup = readFileSync(`/proc/${worker.pid}/smaps_rollup`, 'utf8');
  return Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1] ?? Number.NaN);
}

/** RFC 3550, with a payload that RFC 7741 takes for a key frame. */
function packet(ssrc: number, sequence: number): Buffer {
  const bytes = Buffer.alloc(12 + PACKET_BYTES);
  bytes[0] = 0x80;
  bytes[1] = 0x80 | VP8;
  bytes.writeUInt16BE(sequence & 0xffff, 2);
  bytes.writeUInt32BE((sequence * 45) >>> 0, 4);
  bytes.writeUInt32BE(ssrc, 8);
  bytes[12] = 0x10;
  return bytes;
}

function markdown(figures: Readonly<Record<string, readonly number[]>>): string {
  const rows = Object.entries(figures).map(([name, values]) => {
    const sorted = values.toSorted((a, b) => a - b);
    const text = (value: number | undefined) => (value ?? Number.NaN).toFixed(1);
    return `| ${name} | ${text(sorted[sorted.length >> 1])} | ${text(sorted[0])} to ${text(sorted.at(-1))} |`;
  });
  const machine = machineLines(machineDescription());
  return [
    '# Pipes: figures',
    '',
    ...machine,
    '',
    '| figure | median | range |',
    '|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}
