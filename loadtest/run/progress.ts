import type { Point } from '../report/result.ts';

/** What the run says while it goes on. */
export interface Progress {
  /** Something happened. */
  line(text: string): void;
  /** One interval went by. */
  point(point: Point, probes: { attempts: number; admitted: number }, endsAt: number): void;
  close(): void;
}

/** On a terminal one line that is written over, elsewhere one line for each interval. */
export function progressOn(stream: NodeJS.WriteStream): Progress {
  const terminal = stream.isTTY === true;
  let shown = '';
  const clear = (): void => {
    if (terminal && shown !== '') stream.write('\r\x1b[K');
  };
  return {
    line(text) {
      clear();
      stream.write(`${text}\n`);
      if (terminal && shown !== '') stream.write(shown);
    },
    point(point, probes, endsAt) {
      const text = describe(point, probes, endsAt);
      clear();
      shown = terminal ? text.slice(0, Math.max(20, (stream.columns ?? 120) - 1)) : '';
      stream.write(terminal ? shown : `${text}\n`);
    },
    close() {
      clear();
      shown = '';
    },
  };
}

function describe(point: Point, probes: { attempts: number; admitted: number }, endsAt: number): string {
  const { at, phase, participants, packetsPerSecond, bitsPerSecond, loss, latencyP50, latencyP99 } = point;
  const ms = (value: number | null): string => (value === null ? '–' : value.toFixed(1));
  const busiest = Object.entries(point.processes)
    .filter(([name]) => !name.startsWith('generator'))
    .sort(([, a], [, b]) => b.cpu - a.cpu)[0];
  const generator = Object.entries(point.processes).filter(([name]) => name.startsWith('generator'));
  const generated = Math.max(0, ...generator.map(([, { cpu }]) => cpu));
  const parts = [
    `${at.toFixed(0).padStart(4)}/${endsAt.toFixed(0)} s ${phase}`,
    `${participants} participants`,
    `${packetsPerSecond} packets/s ${(bitsPerSecond / 1e6).toFixed(1)} Mbit/s`,
    `${(loss * 100).toFixed(2)} % lost`,
    `latency ${ms(latencyP50)}/${ms(latencyP99)} ms`,
    `CPU ${busiest === undefined ? '–' : `${busiest[0]} ${Math.round(busiest[1].cpu * 100)} %`}, generator ${Math.round(generated * 100)} %`,
    `probes ${probes.attempts}, ${probes.admitted} admitted`,
  ];
  return parts.join('  ');
}
