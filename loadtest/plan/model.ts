import type { RunResult } from '../report/result.ts';

/** What a node costs, from measured intervals: cores and bytes. Nothing is ever less than free. */
export interface CostModel {
  /** Cores of one node that serves nobody, workers included. */
  readonly idle: number;
  /** Cores for each participant beside their media: signaling, timers, RTCP. */
  readonly perParticipant: number;
  /** Core seconds for each packet delivered. */
  readonly perPacket: number;
  /** Core seconds for each packet that goes from one datacenter to another, at both ends together. */
  readonly perPiped: number;
  /** Core seconds for each join, with what it lets everybody else do. */
  readonly perJoin: number;
  /** Resident bytes of a node and its workers that serve nobody. */
  readonly idleBytes: number;
  readonly bytesPerParticipant: number;
  /** Intervals that it was made from, and how far they lie from it: 0 is a perfect fit, 1 says nothing. */
  readonly intervals: number;
  readonly residual: number;
}

type Costs = Pick<CostModel, 'idle' | 'perParticipant' | 'perPacket' | 'perPiped' | 'perJoin'>;

/** What nodes are to do; packets and joins a second. */
export interface Load {
  readonly nodes: number;
  readonly participants: number;
  readonly packets: number;
  readonly piped: number;
  readonly joins: number;
}

interface Row extends Load {
  readonly cores: number;
  readonly bytes: number;
}

/**
 * Fits the model to the measured intervals of runs whose nodes ran on the machine, by least squares over
 * coefficients that must not be negative. Throws when there is nothing to fit to.
 */
export function fitModel(results: readonly RunResult[]): CostModel {
  const rows = results.flatMap(rowsOf);
  if (rows.length < 5)
    throw new Error('too few measured intervals with processes of nodes: let a cluster run for longer');
  const cpu = leastSquares(
    rows.map((row) => [row.nodes, row.participants, row.packets, row.piped, row.joins]),
    rows.map(({ cores }) => cores),
  );
  const memory = leastSquares(
    rows.map(({ nodes, participants }) => [nodes, participants]),
    rows.map(({ bytes }) => bytes),
  );
  const [idle = 0, perParticipant = 0, perPacket = 0, perPiped = 0, perJoin = 0] = cpu;
  const costs = { idle, perParticipant, perPacket, perPiped, perJoin };
  const [idleBytes = 0, bytesPerParticipant = 0] = memory;
  const predicted = rows.map((row) => coresFor(costs, row));
  const mean = rows.reduce((sum, { cores }) => sum + cores, 0) / rows.length;
  const square = (values: readonly number[]): number => values.reduce((sum, value) => sum + value * value, 0);
  const spread = square(rows.map(({ cores }) => cores - mean));
  const error = square(rows.map(({ cores }, index) => cores - (predicted[index] ?? 0)));
  return {
    ...costs,
    idleBytes,
    bytesPerParticipant,
    intervals: rows.length,
    residual: spread === 0 ? 0 : Math.min(1, Math.sqrt(error / spread)),
  };
}

/** Cores that nodes need for so much. */
export function coresFor(costs: Costs, { nodes, participants, packets, piped, joins }: Load): number {
  const { idle, perParticipant, perPacket, perPiped, perJoin } = costs;
  return (
    idle * nodes + perParticipant * participants + perPacket * packets + perPiped * piped + perJoin * joins
  );
}

/** Share of lost packets above which an interval says what an overloaded machine does, and not what work costs. */
const SOUND = 0.001;

/** The sound intervals of one run in which the nodes' processes were seen. */
export function rowsOf(result: RunResult): Row[] {
  const kinds = new Map(result.processes.map(({ name, kind }) => [name, kind]));
  return result.series
    .filter(({ measured, participants, loss }) => measured && participants > 0 && loss <= SOUND)
    .flatMap(({ participants, packetsPerSecond, processes, piped, joins, seconds }) => {
      const seen = Object.entries(processes).filter(
        ([name]) => kinds.get(name) === 'node' || kinds.get(name) === 'worker',
      );
      const nodes = seen.filter(([name]) => kinds.get(name) === 'node').length;
      if (nodes === 0) return [];
      const sum = (read: (sample: { cpu: number; memory: number }) => number): number =>
        seen.reduce((all, [, sample]) => all + read(sample), 0);
      return [
        {
          nodes,
          participants,
          packets: packetsPerSecond,
          piped,
          joins: joins / seconds,
          cores: sum(({ cpu }) => cpu),
          bytes: sum(({ memory }) => memory),
        },
      ];
    });
}

/** Least squares with coefficients of at least 0: the best of all subsets, which are few. */
export function leastSquares(rows: readonly (readonly number[])[], values: readonly number[]): number[] {
  const width = rows[0]?.length ?? 0;
  let best: { error: number; coefficients: number[] } | null = null;
  for (let subset = 1; subset < 2 ** width; subset += 1) {
    const used = Array.from({ length: width }, (_, column) => column).filter(
      (column) => subset & (1 << column),
    );
    const solved = solve(rows, values, used);
    if (solved === null || solved.some((value) => value < 0)) continue;
    const coefficients = Array.from({ length: width }, () => 0);
    used.forEach((column, index) => {
      coefficients[column] = solved[index] ?? 0;
    });
    const error = rows.reduce((sum, row, index) => {
      const guess = row.reduce((all, cell, column) => all + cell * (coefficients[column] ?? 0), 0);
      return sum + (guess - (values[index] ?? 0)) ** 2;
    }, 0);
    if (best === null || error < best.error) best = { error, coefficients };
  }
  return best?.coefficients ?? Array.from({ length: width }, () => 0);
}

/** The normal equations over some columns, by elimination with pivots; null where they have no one solution. */
function solve(
  rows: readonly (readonly number[])[],
  values: readonly number[],
  used: readonly number[],
): number[] | null {
  // Columns of very different size would lose digits.
  const scale = used.map((column) => Math.max(1e-12, ...rows.map((row) => Math.abs(row[column] ?? 0))));
  const matrix = used.map((a, i) => [
    ...used.map((b, j) =>
      rows.reduce(
        (sum, row) => sum + ((row[a] ?? 0) / (scale[i] ?? 1)) * ((row[b] ?? 0) / (scale[j] ?? 1)),
        0,
      ),
    ),
    rows.reduce((sum, row, index) => sum + ((row[a] ?? 0) / (scale[i] ?? 1)) * (values[index] ?? 0), 0),
  ]);
  const size = used.length;
  for (let column = 0; column < size; column += 1) {
    const at = (row: number, cell: number): number => matrix[row]?.[cell] ?? 0;
    let pivot = column;
    for (let row = column; row < size; row += 1)
      if (Math.abs(at(row, column)) > Math.abs(at(pivot, column))) pivot = row;
    if (Math.abs(at(pivot, column)) < 1e-9) return null;
    const [upper, lower] = [matrix[column] ?? [], matrix[pivot] ?? []];
    matrix[column] = lower;
    matrix[pivot] = upper;
    for (let row = 0; row < size; row += 1) {
      if (row === column) continue;
      const factor = at(row, column) / at(column, column);
      matrix[row] = (matrix[row] ?? []).map((cell, index) => cell - factor * at(column, index));
    }
  }
  return used.map((_, row) => (matrix[row]?.[size] ?? 0) / (matrix[row]?.[row] ?? 1) / (scale[row] ?? 1));
}
