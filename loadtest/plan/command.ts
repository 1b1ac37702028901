import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Policy } from '../../src/policy/model.ts';
import { parsePolicy } from '../../src/policy/parse.ts';
import { didYouMean } from '../../src/policy/suggest.ts';
import { bits, bytes, percent } from '../report/format.ts';
import { readResult } from '../report/read.ts';
import type { RunResult } from '../report/result.ts';
import { TargetError } from '../target/target.ts';
import { type CostModel, coresFor, fitModel, rowsOf } from './model.ts';
import { type Plan, type PlanRequest, plan } from './plan.ts';
import { parseShape, type Shape, ShapeError } from './shape.ts';

export interface PlanFlags {
  readonly participants?: string;
  readonly shape?: string;
  readonly policy?: string;
  readonly mix?: string;
  readonly measured?: readonly string[];
  readonly cores?: string;
  readonly use?: string;
  readonly stay?: string;
  readonly across?: string;
  readonly check?: string;
}

/** Where measured results that come along are kept. */
const RESULTS = join(dirname(import.meta.dirname), 'results', 'capacity');
const POLICY = join(dirname(dirname(import.meta.dirname)), 'config', 'policies', 'zoom-2020.yaml');

/** `loadtest plan`: what a load needs. Exit code 0, or 1 when somebody cannot be served at all. Throws TargetError. */
export function planCommand(flags: PlanFlags): number {
  const results = measured(flags.measured);
  const model = modelOf(results);
  if (flags.check !== undefined) {
    process.stdout.write(checkText(model, readResult(flags.check)));
    return 0;
  }
  const participants = wholeNumber('--participants', flags.participants, 1, 10_000_000);
  const shape = shapeOf(flags.shape);
  const policy = policyOf(flags.policy ?? POLICY);
  const mix = mixOf(flags.mix, policy);
  const cores = wholeNumber('--cores', flags.cores ?? '8', 1, 512);
  const use = Number(flags.use ?? '0.6');
  if (!(use > 0 && use <= 0.95)) throw new TargetError('--use: a share from 0.05 to 0.95');
  const stay = wholeNumber('--stay', flags.stay ?? '30', 1, 1440);
  const across = Number(flags.across ?? '0');
  if (!(across >= 0 && across <= 1)) throw new TargetError('--across: a share from 0 to 1');
  const request = { participants, shape, mix, policy, model, cores, use, stay: stay * 60, across };
  const planned = planOf(request);
  process.stdout.write(planText(planned, request));
  return planned.unserved > 0 ? 1 : 0;
}

/** What the model says of a run beside what was measured in it. */
export function checkText(model: CostModel, result: RunResult): string {
  const rows = rowsOf(result);
  if (rows.length === 0)
    throw new TargetError(
      'that run has no phase to compare with: processes of nodes seen, no faults, hardly a packet lost',
    );
  const lines = rows.map((row) => {
    const { phase, participants, packets, piped, joins, streams, nodes, cores, bytes: memory } = row;
    const predicted = coresFor(model, row);
    const predictedMemory = model.idleBytes * nodes + model.bytesPerParticipant * participants;
    return `${phase}: ${participants.toFixed(0)} participants, ${packets.toFixed(0)} packets/s on ${nodes.toFixed(0)} nodes, ${piped.toFixed(0)}/s between datacenters, ${joins.toFixed(2)} joins/s, ${streams.toFixed(1)} streams/s begin
  CPU     planned ${predicted.toFixed(3)} cores, measured ${cores.toFixed(3)}: planned is × ${(predicted / cores).toFixed(2)}
  memory  planned ${bytes(predictedMemory)}, measured ${bytes(memory)}: planned is × ${(predictedMemory / memory).toFixed(2)}
`;
  });
  return `${result.scenario.name}\n${lines.join('')}`;
}

function planText({ sites, failures, perNode, unserved }: Plan, asked: PlanRequest): string {
  const { participants, shape, cores, use, model, stay, across } = asked;
  const total = sites.reduce((sum, { nodes }) => sum + nodes, 0);
  const head = [
    'datacenter',
    'region',
    'participants',
    'at worst',
    'nodes',
    'load',
    'at worst',
    'memory each',
    'traffic',
    'worst when',
  ];
  const rows = sites.map((site) => [
    site.datacenter,
    site.region,
    String(site.participants),
    String(site.worst),
    String(site.nodes),
    percent(site.load),
    percent(site.worstLoad),
    bytes(site.memory),
    bits(site.bitsPerSecond),
    site.because === null ? 'always' : `${site.because} fails`,
  ]);
  const table = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...table.map((row) => (row[column] ?? '').length)));
  const lines = table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const left = failures.map(
    ({ region, datacenter, served, servedWithoutSpare, placement, rejoining, rejoinSeconds }) =>
      `  ${datacenter} (${region}): ${percent(served)} of all participants are still served${placement.unserved > 0 ? `, ${Math.ceil(placement.unserved)} have no datacenter that may serve them` : ''} (${percent(servedWithoutSpare)} with only what a good day needs); ${rejoining} join again, ${rejoinSeconds === null ? 'with no spare cores to do it' : `at least ${rejoinSeconds.toFixed(1)} s with all spare cores`}`,
  );
  return `${participants} participants, ${shape.name}: ${total} nodes of ${cores} cores, each for ${Math.floor(perNode)} participants at ${percent(use)} of its cores

${lines.join('\n')}

When a datacenter fails:
${left.join('\n')}
${unserved > 0 ? `\n${Math.ceil(unserved)} participants have no datacenter that may serve them even on a good day.\n` : ''}
From ${model.phases} phases of measured runs: ${(model.perPacket * 1e6).toFixed(1)} µs of one core for each packet delivered, ${(model.perPiped * 1e6).toFixed(1)} µs for each from one datacenter to another, ${(model.perJoin * 1000).toFixed(1)} ms for each join, ${(model.perStream * 1000).toFixed(2)} ms for each stream that begins, ${percent(model.idle)} of a core and ${bytes(model.idleBytes)} for an idle node, ${bytes(model.bytesPerParticipant)} for each participant.
Planned by the other runs alone, cores of each are off by ${percent(model.error.median)} (median of phases), ${percent(model.error.most)} at most.
Assumed: people stay ${stay / 60} min; ${percent(across)} of the rooms span two datacenters of one region, the others none; participants spread evenly over the datacenters of their route that are up; cores like those that were measured.
`;
}

function measured(files: readonly string[] | undefined): readonly RunResult[] {
  const results = files === undefined ? comeAlong() : files.map(readResult);
  if (results.length === 0)
    throw new TargetError(
      'no measured result: name some with --measured FILE (npm run loadtest -- --scenario … --json FILE writes them)',
    );
  return results;
}

/** The measured results that come along; none where there is no such folder. */
export function comeAlong(): RunResult[] {
  if (!existsSync(RESULTS)) return [];
  const files = readdirSync(RESULTS).filter((name) => name.endsWith('.json'));
  return files.map((name) => readResult(join(RESULTS, name)));
}

function planOf(request: PlanRequest): Plan {
  try {
    return plan(request);
  } catch (error) {
    throw new TargetError(error instanceof Error ? error.message : String(error));
  }
}

function modelOf(results: readonly RunResult[]): CostModel {
  try {
    return fitModel(results);
  } catch (error) {
    throw new TargetError(error instanceof Error ? error.message : String(error));
  }
}

function shapeOf(text: string | undefined): Shape {
  if (text === undefined)
    throw new TargetError('--shape is missing: meeting:N, webinar:N or audio:N:SPEAKERS');
  try {
    return parseShape(text);
  } catch (error) {
    if (error instanceof ShapeError) throw new TargetError(error.message);
    throw error;
  }
}

function policyOf(file: string): Policy {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    throw new TargetError(`--policy ${file}: cannot be read`);
  }
  const parsed = parsePolicy(text, file);
  if (parsed.ok) return parsed.policy;
  throw new TargetError(
    parsed.faults.map(({ line, column, message }) => `${file}:${line}:${column}: ${message}`).join('\n'),
  );
}

/** `us=2,eu=1`; every region of the policy alike by default. */
function mixOf(text: string | undefined, policy: Policy): Map<string, number> {
  if (text === undefined) return new Map([...policy.regions.keys()].map((region) => [region, 1]));
  return new Map(
    text.split(',').map((part) => {
      const [region = '', weight = '1'] = part.split('=').map((word) => word.trim());
      if (!policy.regions.has(region))
        throw new TargetError(
          `--mix: the policy has no region "${region}"${didYouMean(region, policy.regions.keys())}`,
        );
      const value = Number(weight);
      if (!(value > 0)) throw new TargetError(`--mix: the weight of ${region} must be a number above 0`);
      return [region, value];
    }),
  );
}

function wholeNumber(name: string, text: string | undefined, least: number, most: number): number {
  const value = Number(text);
  if (text === undefined || !/^\d+$/.test(text) || value < least || value > most)
    throw new TargetError(`${name}: a whole number from ${least} to ${most}`);
  return value;
}
