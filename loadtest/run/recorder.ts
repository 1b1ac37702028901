import type { AgentReading, News } from '../agent/messages.ts';
import { distributionOf } from '../measure/distribution.ts';
import { Histogram } from '../measure/histogram.ts';
import type { PairResult, Point, RunEvent, RunResult } from '../report/result.ts';
import type { Sample, Watched } from '../target/processes.ts';
import { Received } from './received.ts';

/** One interval as it was read. */
export interface Interval {
  readonly at: number;
  readonly seconds: number;
  readonly phase: string;
  readonly measured: boolean;
  readonly readings: readonly AgentReading[];
  readonly processes: ReadonlyMap<string, Sample & Watched>;
  /** Busy cores of the whole machine. */
  readonly machine: number | null;
}

interface PairSum {
  packets: number;
  missing: number;
  freezes: number;
  /** Cameras that came, interval by interval, and the sum of the layers that they came in. */
  cameras: number;
  cameraLayers: number;
  readonly latency: Histogram;
  readonly jitter: Histogram;
}

interface ProcessSum extends Watched {
  cpu: number;
  cpuMax: number;
  memory: number;
  memoryMax: number;
  samples: number;
  diedAt: number | null;
}

/** Adds up everything that the agents say and that is seen of processes. */
export class Recorder {
  readonly series: Point[] = [];
  readonly events: RunEvent[] = [];
  readonly interruptions = new Map<number, { at: number; ms: number | null }[]>();
  readonly #pairs = new Map<string, PairSum>();
  readonly #received = new Received();
  readonly #processes = new Map<string, ProcessSum>();
  readonly #failures = new Map<string, { code: string; message: string; count: number }>();
  readonly #join = new Histogram();
  readonly #firstPacket = new Histogram();
  #joins = 0;
  #joined = 0;
  /** At the point before. */
  #joinedBefore = 0;
  #failed = 0;
  #lost = 0;
  #bytes = 0;
  #measuredSeconds = 0;
  #participantSeconds = 0;
  #sfuCpu = 0;
  #beganAt = 0;

  /** @param beganAt wall clock, in ms since 1970 */
  begin(beganAt: number): void {
    this.#beganAt = beganAt;
  }

  onJoinOrdered(): void {
    this.#joins += 1;
  }

  onNews(news: News): void {
    switch (news.type) {
      case 'joined':
        this.#joined += 1;
        this.#join.add(news.ms * 1000);
        return;
      case 'firstPacket':
        this.#firstPacket.add(news.ms * 1000);
        return;
      case 'failed':
        this.#failed += 1;
        this.#countFailure(news.code, news.message);
        return;
      case 'lost':
        this.#lost += 1;
        this.#countFailure(news.code, news.message);
        return;
      case 'interrupted':
        this.#interrupted(news.n, (news.at - this.#beganAt) / 1000, news.ms);
        return;
      case 'ready':
      case 'seat':
      case 'left':
      case 'reading':
        return;
    }
  }

  /** Adds one interval, and gives its point. */
  add({ at, seconds, phase, measured, readings, processes, machine }: Interval): Point {
    const latency = new Histogram();
    const layers: Record<string, number> = {};
    const seats: Record<string, number> = {};
    const piped = new Map<string, number>();
    const cameras = new Map<string, { count: number; layers: number }>();
    let [packets, missing, bytes, freezes, participants, lateness, begun] = [0, 0, 0, 0, 0, 0, 0];
    for (const reading of readings) {
      participants += reading.joined;
      begun += reading.begun;
      lateness = Math.max(lateness, reading.lateness / 1000);
      for (const [layer, received] of Object.entries(reading.layers))
        layers[layer] = (layers[layer] ?? 0) + (received * 8) / seconds;
      for (const [datacenter, seated] of Object.entries(reading.seats))
        seats[datacenter] = (seats[datacenter] ?? 0) + seated;
      // Receivers of one source at one datacenter may be spread over agents.
      for (const [source, came] of Object.entries(reading.piped))
        piped.set(source, Math.max(piped.get(source) ?? 0, came));
      if (measured) this.#received.add(reading.meant, seconds);
      for (const pair of reading.pairs) {
        packets += pair.packets;
        missing += pair.missing;
        bytes += pair.bytes;
        freezes += pair.freezes;
        latency.addBuckets(pair.latency);
        if (pair.cameras > 0) {
          const { count, layers } = cameras.get(pair.to) ?? { count: 0, layers: 0 };
          cameras.set(pair.to, { count: count + pair.cameras, layers: layers + pair.cameraLayers });
        }
        if (measured) this.#addPair(pair);
      }
    }
    const sampled: Point['processes'] = {};
    for (const [name, sample] of processes) {
      sampled[name] = { cpu: round(sample.cpu, 3), memory: sample.memory };
      this.#addProcess(sample, measured);
      if (measured && (sample.kind === 'node' || sample.kind === 'worker')) this.#sfuCpu += sample.cpuSeconds;
    }
    if (measured) {
      this.#measuredSeconds += seconds;
      this.#participantSeconds += seconds * participants;
      this.#bytes += bytes;
    }
    const inMs = (value: number | null): number | null => (value === null ? null : round(value / 1000, 3));
    const point: Point = {
      at: round(at, 2),
      seconds: round(seconds, 3),
      phase,
      measured,
      participants,
      packetsPerSecond: Math.round(packets / seconds),
      bitsPerSecond: Math.round((bytes * 8) / seconds),
      missing,
      loss: lossOf(packets, missing),
      latencyP50: inMs(latency.quantile(0.5)),
      latencyP99: inMs(latency.quantile(0.99)),
      freezes,
      lateness: round(lateness, 2),
      layers: Object.fromEntries(Object.entries(layers).map(([layer, bits]) => [layer, Math.round(bits)])),
      cameraLayers: Object.fromEntries(
        [...cameras].map(([region, { count, layers }]) => [region, round(layers / count, 2)]),
      ),
      seats,
      processes: sampled,
      joins: this.#joined - this.#joinedBefore,
      begun,
      piped: Math.round([...piped.values()].reduce((sum, came) => sum + came, 0) / seconds),
      machine: machine === null ? null : round(machine, 2),
    };
    this.#joinedBefore = this.#joined;
    this.series.push(point);
    return point;
  }

  /** What comes back tells that it ended otherwise than was said. */
  event(
    at: number,
    kind: RunEvent['kind'],
    text: string,
    until: number | null = null,
  ): (ended: number) => void {
    const event = { at: round(at, 2), kind, text, until: until === null ? null : round(until, 2) };
    this.events.push(event);
    return (ended) => {
      event.until = round(ended, 2);
    };
  }

  /** Processes by name. */
  kinds(): ReadonlyMap<string, Watched['kind']> {
    return new Map([...this.#processes.values()].map(({ name, kind }) => [name, kind]));
  }

  onDeath(name: string, at: number): void {
    const known = this.#processes.get(name);
    if (known !== undefined) known.diedAt = round(at, 2);
  }

  /** Everything that was added up, in the result's form. */
  sums(): Pick<RunResult, 'totals' | 'distributions' | 'pairs' | 'received' | 'failures' | 'processes'> {
    const pairs = [...this.#pairs].map(([key, pair]): PairResult => {
      const [from = '', to = ''] = key.split('>');
      const { packets, missing, freezes, cameras, cameraLayers } = pair;
      return {
        from,
        to,
        packets,
        missing,
        loss: lossOf(packets, missing),
        freezes,
        cameras,
        layer: cameras === 0 ? null : round(cameraLayers / cameras, 3),
        latency: distributionOf(pair.latency),
        jitter: distributionOf(pair.jitter),
      };
    });
    pairs.sort((a, b) => `${a.from}>${a.to}`.localeCompare(`${b.from}>${b.to}`));
    const sum = (read: (pair: PairResult) => number): number =>
      pairs.reduce((total, pair) => total + read(pair), 0);
    const merged = (read: (pair: PairSum) => Histogram) =>
      distributionOf(
        [...this.#pairs.values()].reduce(
          (all, pair) => all.addBuckets(read(pair).buckets()),
          new Histogram(),
        ),
      );
    const [packets, missing, freezes] = [sum((p) => p.packets), sum((p) => p.missing), sum((p) => p.freezes)];
    const seconds = this.#measuredSeconds;
    return {
      totals: {
        joins: this.#joins,
        joined: this.#joined,
        failed: this.#failed,
        lost: this.#lost,
        most: Math.max(0, ...this.series.map(({ participants }) => participants)),
        packets,
        missing,
        loss: lossOf(packets, missing),
        bytes: this.#bytes,
        packetsPerSecond: seconds === 0 ? 0 : Math.round(packets / seconds),
        freezes,
        freezesPerMinute:
          this.#participantSeconds === 0 ? 0 : round((freezes * 60) / this.#participantSeconds, 4),
        measuredSeconds: round(seconds, 2),
        cpuPerMillion: packets < 1000 ? null : round((this.#sfuCpu * 1e6) / packets, 3),
      },
      distributions: {
        join: distributionOf(this.#join),
        firstPacket: distributionOf(this.#firstPacket),
        latency: merged((pair) => pair.latency),
        jitter: merged((pair) => pair.jitter),
      },
      pairs,
      received: this.#received.results(),
      failures: [...this.#failures.values()].sort((a, b) => b.count - a.count),
      processes: [...this.#processes.values()].map(({ name, kind, pid, ...sums }) => ({
        name,
        kind,
        pid,
        cpuMean: sums.samples === 0 ? 0 : round(sums.cpu / sums.samples, 3),
        cpuMax: round(sums.cpuMax, 3),
        memoryMean: sums.samples === 0 ? 0 : Math.round(sums.memory / sums.samples),
        memoryMax: sums.memoryMax,
        diedAt: sums.diedAt,
      })),
    };
  }

  #addPair(pair: AgentReading['pairs'][number]): void {
    const key = `${pair.from}>${pair.to}`;
    const sum = this.#pairs.get(key) ?? {
      packets: 0,
      missing: 0,
      freezes: 0,
      cameras: 0,
      cameraLayers: 0,
      latency: new Histogram(),
      jitter: new Histogram(),
    };
    this.#pairs.set(key, sum);
    sum.packets += pair.packets;
    sum.missing += pair.missing;
    sum.freezes += pair.freezes;
    sum.cameras += pair.cameras;
    sum.cameraLayers += pair.cameraLayers;
    sum.latency.addBuckets(pair.latency);
    sum.jitter.addBuckets(pair.jitter);
  }

  #addProcess({ name, kind, pid, cpu, memory }: Sample & Watched, measured: boolean): void {
    const sum = this.#processes.get(name) ?? {
      name,
      kind,
      pid,
      cpu: 0,
      cpuMax: 0,
      memory: 0,
      memoryMax: 0,
      samples: 0,
      diedAt: null,
    };
    this.#processes.set(name, sum);
    sum.cpuMax = Math.max(sum.cpuMax, cpu);
    sum.memoryMax = Math.max(sum.memoryMax, memory);
    if (!measured) return;
    sum.cpu += cpu;
    sum.memory += memory;
    sum.samples += 1;
  }

  #countFailure(code: string, message: string): void {
    const known = this.#failures.get(code) ?? { code, message, count: 0 };
    known.count += 1;
    this.#failures.set(code, known);
  }

  #interrupted(n: number, at: number, ms: number | null): void {
    const known = this.interruptions.get(n) ?? [];
    this.interruptions.set(n, known);
    const open = known.at(-1);
    if (ms !== null && open !== undefined && open.ms === null) open.ms = ms;
    else known.push({ at, ms });
  }
}

/** Share of the packets that never came; more than came is no share, so at least 0. */
export function lossOf(packets: number, missing: number): number {
  const all = packets + missing;
  return all <= 0 ? 0 : round(Math.max(0, missing) / all, 6);
}

function round(value: number, digits: number): number {
  return Math.round(value * 10 ** digits) / 10 ** digits;
}
