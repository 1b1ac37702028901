import { resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { z } from 'zod';
import { shapeNames } from './shapes.ts';

const PROFILES = ['AEAD_AES_256_GCM', 'AEAD_AES_128_GCM', 'AES_CM_128_HMAC_SHA1_80'] as const;

/** A mediasoup-worker to compare, besides the rows that have names. */
export interface NamedWorker {
  readonly label: string;
  readonly path: string;
}

/** `--full`: what is published, the most telling cases first. */
const FULL_SHAPES = [
  'bursts@50',
  'meeting',
  ...['audio', 'even', 'chromium', 'keyframes', 'screen'].map((name) => `${name}@50`),
  ...['200x120', '200x1200'].map((name) => `${name}@1+20+100`),
  ...['audio', 'even', 'chromium', 'keyframes', 'screen'].map((name) => `${name}@1+8+20+100+200`),
];

const optionsSchema = z.object({
  quick: z.boolean(),
  full: z.boolean(),
  rows: z.array(z.string()).optional(),
  worker: z.array(z.object({ label: z.string(), path: z.string() })),
  shapes: z.array(z.string()).optional(),
  fanouts: z.array(z.number()).optional(),
  rounds: z.number().optional(),
  seconds: z.number().optional(),
  profile: z.enum(PROFILES),
  bwe: z.boolean(),
  tcp: z.boolean(),
  fresh: z.boolean(),
  out: z.string().optional(),
  resume: z.boolean(),
  sfuCore: z.number(),
  generatorCore: z.number(),
});

export type MediaOptions = ReturnType<typeof readOptions>;

function list(value: string): string[] {
  return value.split(',').filter((part) => part !== '');
}

function whole(least: number, most: number): (value: string) => number {
  return (value) => {
    const number = Number(value);
    if (!Number.isInteger(number) || number < least || number > most) {
      throw new InvalidArgumentError(`a whole number from ${least} to ${most} is needed`);
    }
    return number;
  };
}

function seconds(value: string): number {
  const number = Number(value);
  // Who is held still for longer has lost the participants' consent (RFC 7675).
  if (!(number >= 0.5 && number <= 20)) throw new InvalidArgumentError('0.5 to 20 seconds are needed');
  return number;
}

function fanOuts(value: string): number[] {
  return list(value).map(whole(1, 400));
}

function namedWorker(value: string, before: NamedWorker[]): NamedWorker[] {
  const at = value.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('it is LABEL=PATH');
  return [...before, { label: value.slice(0, at), path: resolve(value.slice(at + 1)) }];
}

/** Reads the command line; prints help and ends the process where that is asked for or needed. */
export function readOptions(args: readonly string[]) {
  const command = new Command('npm run bench -- media')
    .description('What forwarding a packet costs, side by side. See loadtest/README.md.')
    .option('--quick', 'three rounds of two seconds of two shapes, for a first look', false)
    .option('--full', 'eight rounds of one second of everything that is published: most of an hour', false)
    .option(
      '--rows <names>',
      'of reference, stock, product, janus, janus-1loop, which are the default, and batched',
      list,
    )
    .option('--worker <label=path>', 'one more mediasoup-worker; may be repeated', namedWorker, [])
    .option(
      '--shapes <names>',
      `of ${shapeNames().join(', ')}, RATExSIZE, RATExSIZExBURST; NAME@1+20 has fan-outs of its own`,
      list,
    )
    .option('--fanouts <numbers>', 'subscribers of each publisher, such as 1,20,100', fanOuts)
    .option('--rounds <number>', 'interleaved rounds; the first is dropped', whole(1, 100))
    .option('--seconds <number>', 'of each measurement, at least', seconds)
    .option('--profile <name>', PROFILES.join(', '), 'AEAD_AES_256_GCM')
    .option('--bwe', 'mediasoup: transport-cc between worker and subscribers, as with browsers', false)
    .option('--tcp', 'mediasoup: everyone connects by ICE over TCP', false)
    .option('--fresh', 'each round in new processes, rather than all rounds of a case in the same', false)
    .option('--out <path>', 'writes PATH.json, PATH.md and PATH.html')
    .option('--resume', 'goes on with what --out holds: cases that are there are not measured again', false)
    .option('--sfu-core <number>', 'where the forwarder runs', whole(0, 1023), 0)
    .option('--generator-core <number>', 'where the generator runs', whole(0, 1023), 1);
  command.parse(args, { from: 'user' });
  const options = optionsSchema.parse(command.opts());
  const shapes = options.full ? FULL_SHAPES : options.quick ? ['bursts', 'audio'] : shapeNames();
  return {
    ...options,
    rounds: options.rounds ?? (options.quick ? 3 : 8),
    seconds: options.seconds ?? (options.full ? 1 : options.quick ? 2 : 4),
    shapes: options.shapes ?? shapes,
    fanouts: options.fanouts ?? (options.quick ? [20] : [1, 20, 100]),
  };
}
