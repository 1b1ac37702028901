import type { Point, RunResult } from '../report/result.ts';
import { leastSquares } from './least-squares.ts';

/** What a cluster's nodes and workers cost, in cores and bytes. Nothing is ever less than free. */
export interface CostModel extends Costs {
  /** Resident bytes of a node and its workers that serve nobody. */
  readonly idleBytes: number;
  readonly bytesPerParticipant: number;
  /** Phases that it was made from. */
  readonly phases: number;
  /** How far measured cores are from what is planned for them: each run's phases by a model of the other runs. */
  readonly error: { readonly median: number; readonly most: number };
}

interface Costs {
  /** Cores of one node that serves nobody, workers included. */
  readonly idle: number;
  /** Core seconds for each packet delivered. */
  readonly perPacket: number;
  /** Core seconds for each packet that goes from one datacenter to another, at both ends together. */
  readonly perPiped: number;
  /** Core seconds for each join: session, transports, ICE and DTLS. */
  readonly perJoin: number;
  /** Core seconds for each stream that begins to be sent to somebody. */
  readonly perStream: number;
}

/** What nodes are to do; all but nodes and participants are by the second. */
export interface Load {
  readonly nodes: number;
  readonly participants: number;
  readonly packets: number;
  readonly piped: number;
  readonly joins: number;
  /** Streams that begin. */
  readonly streams: number;
}

/** One phase of a run: means over it. */
export interface Row extends Load {
  readonly run: string;
  readonly phase: string;
  readonly cores: number;
  readonly bytes: number;
}

/** Share of lost packets above which a phase says what an overloaded machine does, and not what work costs. */
const SOUND = 0.001;
/** Shorter phases, in s, say little of means: processors are read in hundredths of a second. */
const LEAST_SECONDS = 5;

/**
 * Fits the model to the phases of runs whose nodes ran on the machine: the costs, none below 0, for which the relative
 * errors of all phases have the least squares. Throws when there is nothing to fit to.
 */
export function fitModel(results: readonly RunResult[]): CostModel {
  const rows = results.flatMap(rowsOf);
  const runs = [...new Set(rows.map(({ run }) => run))];
  if (runs.length < 3)
    throw new Error('too few measured runs with processes of nodes: three of different shapes at least');
  const memory = leastSquares(
    rows.map(({ nodes, participants }) => [nodes, participants]),
    rows.map(({ bytes }) => bytes),
  );
  const [idleBytes = 0, bytesPerParticipant = 0] = memory;
  const errors = runs
    .flatMap((left) => {
      const others = fitCosts(rows.filter(({ run }) => run !== left));
      return rows
        .filter(({ run }) => run === left)
        .map((row) => Math.abs(coresFor(others, row) / row.cores - 1));
    })
    .toSorted((a, b) => a - b);
  return {
    ...fitCosts(rows),
    idleBytes,
    bytesPerParticipant,
    phases: rows.length,
    error: { median: errors[errors.length >> 1] ?? 0, most: errors.at(-1) ?? 0 },
  };
}

function fitCosts(rows: readonly Row[]): Costs {
  const [idle = 0, perPacket = 0, perPiped = 0, perJoin = 0, perStream = 0] = leastSquares(
    rows.map(({ nodes, packets, piped, joins, streams, cores }) =>
      [nodes, packets, piped, joins, streams].map((value) => value / cores),
    ),
    rows.map(() => 1),
  );
  return { idle, perPacket, perPiped, perJoin, perStream };
}

/** Cores that nodes need for so much. */
export function coresFor(
  costs: Costs,
  { nodes, packets, piped, joins, streams }: Omit<Load, 'participants'>,
): number {
  const { idle, perPacket, perPiped, perJoin, perStream } = costs;
  return idle * nodes + perPacket * packets + perPiped * piped + perJoin * joins + perStream * streams;
}

/** The sound phases of one run in which the nodes' processes were seen, and nothing was broken on purpose. */
export function rowsOf(result: RunResult): Row[] {
  if (result.faults.length > 0) return [];
  const phases = new Map<string, Point[]>();
  for (const point of result.series) phases.set(point.phase, [...(phases.get(point.phase) ?? []), point]);
  return [...phases].flatMap(([phase, points]) => rowOf(result, phase, points) ?? []);
}

function rowOf(result: RunResult, phase: string, points: readonly Point[]): Row | null {
  const kinds = new Map(result.processes.map(({ name, kind }) => [name, kind]));
  const whole = points.reduce((sum, { seconds }) => sum + seconds, 0);
  /** The mean over the time of the phase. */
  const mean = (read: (point: Point) => number): number =>
    points.reduce((sum, point) => sum + read(point) * point.seconds, 0) / whole;
  const rate = (read: (point: Point) => number): number =>
    points.reduce((sum, point) => sum + read(point), 0) / whole;
  const ours = ({ processes }: Point) =>
    Object.entries(processes).filter(([name]) => kinds.get(name) === 'node' || kinds.get(name) === 'worker');
  const row: Row = {
    run: `${result.scenario.name} ${result.startedAt}`,
    phase,
    nodes: mean((point) => ours(point).filter(([name]) => kinds.get(name) === 'node').length),
    participants: mean(({ participants }) => participants),
    packets: mean(({ packetsPerSecond }) => packetsPerSecond),
    piped: mean(({ piped }) => piped),
    joins: rate(({ joins }) => joins),
    streams: rate(({ begun }) => begun),
    cores: mean((point) => ours(point).reduce((sum, [, { cpu }]) => sum + cpu, 0)),
    bytes: mean((point) => ours(point).reduce((sum, [, { memory }]) => sum + memory, 0)),
  };
  const lost = mean(({ loss }) => loss);
  return whole < LEAST_SECONDS || lost > SOUND || row.nodes === 0 || row.participants === 0 || row.cores === 0
    ? null
    : row;
}
