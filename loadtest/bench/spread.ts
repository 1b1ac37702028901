import { Command } from 'commander';
import { z } from 'zod';
import { ensureWorker } from '../../workers/ensure.ts';
import type { NewShape } from '../native/messages.ts';
import { machineDescription, machineLines } from './machine.ts';
import { measure, type Sample } from './measure.ts';
import { loopback } from './place.ts';
import { type Medium, type Plan, packetsPerSubscriber } from './plan.ts';
import { findShape } from './shapes.ts';
import { type Layout, spreadForwarder } from './spread-forwarder.ts';
import { type Conditions, closeSubject, openSubject } from './subject.ts';
import { FIGURE_HEAD, figureRow } from './summary.ts';

const count = z.coerce.number().int().min(1).max(400);
const optionsSchema = z
  .object({
    people: count,
    senders: count,
    talkers: count,
    cameras: z.coerce.number().int().min(0).max(50),
    rounds: count,
    seconds: count,
  })
  .refine(({ people, senders }) => senders < people, 'some have to receive only')
  .refine(({ senders, talkers, cameras }) => talkers + cameras <= senders, 'not so many send');

const either = (participant: number): number => participant % 2;

const layouts: readonly Layout[] = [
  { label: 'one worker', workers: 1, sends: () => 0, receives: () => 0 },
  { label: 'two: receivers halved, senders at one', workers: 2, sends: () => 0, receives: either },
  { label: 'two: receivers and senders halved', workers: 2, sends: either, receives: either },
  { label: 'two: senders halved, everyone receives from both', workers: 2, sends: either },
];

/** `npm run bench -- spread`: what it costs to have a large room on two workers of a node instead of one. */
export async function runSpread(args: readonly string[]): Promise<void> {
  const command = new Command('npm run bench -- spread')
    .description('What a large room over two workers costs, to the same room on one.')
    .option('--people <number>', 'in the room', '300')
    .option('--senders <number>', 'of them, with a microphone; a silent one sends 2.5 packets/s', '50')
    .option('--talkers <number>', 'of those, who talk', '2')
    .option('--cameras <number>', 'others of those, whose camera everybody gets as well', '2')
    .option('--rounds <number>', 'of all layouts in turn; the first is dropped', '4')
    .option('--seconds <number>', 'of each measurement', '4');
  command.parse(args, { from: 'user' });
  const options = optionsSchema.parse(command.opts());
  const { path: workerBin } = await ensureWorker();
  const plan = planOf(options);
  const samples = new Map<Layout, Sample[]>(layouts.map((layout) => [layout, []]));
  for (let round = 0; round < options.rounds; round += 1) {
    for (const [layout, made] of samples) {
      const sample = await sampleOf(layout, workerBin, plan, round, options.seconds);
      console.error(
        `${layout.label}: ${sample.cpu.toFixed(2)} µs a packet, ${Math.round(sample.load * 100)} % of a core${sample.void === null ? '' : `, void: ${sample.void}`}`,
      );
      made.push(sample);
    }
  }
  process.stdout.write(markdown(plan, samples));
}

async function sampleOf(
  layout: Layout,
  workerBin: string,
  plan: Plan,
  round: number,
  seconds: number,
): Promise<Sample> {
  const conditions: Conditions = {
    profile: 'AEAD_AES_256_GCM',
    bandwidthEstimation: false,
    seconds,
    place: loopback,
    forwarderCore: 0,
    generatorCore: 1,
  };
  const subject = await openSubject(spreadForwarder(layout, workerBin), plan, conditions);
  try {
    return await measure(subject, [], round, 0, conditions);
  } finally {
    await closeSubject(subject);
  }
}

function planOf(options: z.infer<typeof optionsSchema>): Plan {
  const { people, senders, talkers, cameras } = options;
  const microphone = findShape('audio').media;
  // Opus that is silent sends every 400 ms (RFC 7587 section 3.1.3).
  const silent: NewShape = { shape: 'silent', frames: [[400_000, [40]]] };
  const silentMicrophone: Medium = { kind: 'audio', codec: 'opus', layers: [silent] };
  const camera = findShape('60x1000x3').media;
  const sent = Array.from({ length: senders }, (_, sender): readonly Medium[] => {
    if (sender < talkers) return microphone;
    return sender < talkers + cameras ? [silentMicrophone, ...camera] : [silentMicrophone];
  });
  const packets = sent.reduce((sum, media) => sum + packetsPerSubscriber(media), 0);
  return {
    title: `${people} people, of whom ${senders} send`,
    shape: 'room',
    fanOut: people - 1,
    packetsPerSecond: packets * (people - 1),
    participants: Array.from({ length: people }, (_, self) => ({
      publishes: sent[senderAt(self, people, senders)] ?? [],
      subscribesTo: Array.from({ length: people }, (_, other) => other).filter(
        (other) => other !== self && sent[senderAt(other, people, senders)] !== undefined,
      ),
    })),
  };
}

/** Which sender somebody is, where the senders sit evenly among the others; -1 for those who only receive. */
function senderAt(participant: number, people: number, senders: number): number {
  const step = Math.floor(people / senders);
  // An odd step puts half of them on each worker.
  const odd = step % 2 === 1 ? step : Math.max(1, step - 1);
  return participant % odd === 0 && participant / odd < senders ? participant / odd : -1;
}

function markdown(plan: Plan, samples: ReadonlyMap<Layout, readonly Sample[]>): string {
  const [base = []] = samples.values();
  const sound = (sample: Sample | undefined): sample is Sample => sample?.void === null && sample.round > 0;
  const rows = [...samples].flatMap(([{ label }, made]) => {
    const counted = made.filter(sound);
    const ratios = counted.flatMap((sample) => {
      const one = base[sample.round];
      return sound(one) ? [sample.cpu / one.cpu] : [];
    });
    return [
      figureRow(
        `${label}: CPU`,
        counted.map(({ cpu }) => cpu),
        'µs per packet',
        2,
      ),
      figureRow(`${label}: to one worker`, ratios, '', 2),
      figureRow(
        `${label}: latency p99`,
        counted.map(({ latency }) => latency.p99 / 1000),
        'ms',
        1,
      ),
    ];
  });
  return [
    '# A room over two workers: figures',
    '',
    ...machineLines(machineDescription()),
    '',
    `${plan.title}; ${Math.round(plan.packetsPerSecond)} packets per second delivered. Processor time of all workers together, on one core.`,
    '',
    ...FIGURE_HEAD,
    ...rows,
    '',
  ].join('\n');
}
