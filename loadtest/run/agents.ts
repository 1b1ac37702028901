import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Impairment } from '../agent/link.ts';
import { type AgentReading, type MemberSpec, type News, newsSchema, type Order } from '../agent/messages.ts';

const ENTRY = fileURLToPath(new URL('../agent/agent.mjs', import.meta.url));
/** How long an agent may take to start, to answer, and to end, in ms. */
const START = 60_000;
const ANSWER = 15_000;
const END = 8000;

export interface AgentsOptions {
  readonly count: number;
  readonly seed: number;
  /** Whether media is to pass a relay that can be told to do harm. */
  readonly relay: boolean;
  readonly onNews: (news: News) => void;
  /** An agent ended before it was told to. */
  readonly onDeath: (words: string) => void;
}

/** The processes that hold the participants. Members are spread over them by their number. */
export class Agents {
  readonly #agents: Agent[] = [];

  private constructor() {}

  /** Starts them. Rejects, with none left running, when one does not start. */
  static async start(options: AgentsOptions): Promise<Agents> {
    const agents = new Agents();
    for (let index = 0; index < options.count; index += 1) {
      agents.#agents.push(new Agent(options, options.seed + index));
    }
    try {
      await Promise.all(agents.#agents.map((agent) => agent.ready));
    } catch (error) {
      await agents.close();
      throw error;
    }
    return agents;
  }

  /** What carries the media. */
  get engine(): string {
    return this.#agents[0]?.engine ?? '';
  }

  /** Processes that make up the generator: what carries the media, and what tells it to, where that is another one. */
  processes(): { name: string; pid: number }[] {
    return this.#agents.flatMap(({ pid, generatorPid }, index) => {
      const name = this.#agents.length === 1 ? 'generator' : `generator ${index + 1}`;
      const own = { name: generatorPid === null ? name : `${name} control`, pid };
      return [{ name, pid: generatorPid ?? undefined }, own].flatMap((one) =>
        one.pid === undefined ? [] : [{ name: one.name, pid: one.pid }],
      );
    });
  }

  join(member: MemberSpec): void {
    this.#of(member.n)?.send({ type: 'join', member });
  }

  leave(n: number): void {
    this.#of(n)?.send({ type: 'leave', n });
  }

  /** Everybody's lines, or those of one home region. */
  impair(impairment: Impairment | null, region: string | null): void {
    for (const agent of this.#agents) agent.send({ type: 'impair', impairment, region });
  }

  read(): Promise<AgentReading[]> {
    return Promise.all(this.#agents.map((agent) => agent.read()));
  }

  /** Everybody leaves and the processes end, within bounds. */
  async close(): Promise<void> {
    await Promise.all(this.#agents.map((agent) => agent.close()));
  }

  #of(n: number): Agent | undefined {
    return this.#agents[n % Math.max(1, this.#agents.length)];
  }
}

class Agent {
  readonly ready: Promise<void>;
  engine = '';
  generatorPid: number | null = null;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  #closing = false;
  #answer: { resolve: (reading: AgentReading) => void; reject: (error: Error) => void } | null = null;

  constructor(options: AgentsOptions, seed: number) {
    const env = { ...process.env };
    if (options.relay) env.LOADTEST_RELAY = String(seed);
    // A group of its own: a terminal's Ctrl-C is for the coordinator, which still has to read the last figures.
    this.#child = fork(ENTRY, [], { env, stdio: ['ignore', 'ignore', 'pipe', 'ipc'], detached: true });
    let words = '';
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      words = (words + chunk.toString()).slice(-2000);
    });
    this.#exited = new Promise((resolve) => this.#child.once('exit', () => resolve()));
    this.ready = new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('a generator process did not start')), START);
      this.#child.on('message', (message) => {
        const news = newsSchema.parse(message);
        if (news.type === 'ready') {
          clearTimeout(late);
          this.engine = news.engine;
          this.generatorPid = news.generatorPid;
          resolve();
        } else if (news.type === 'reading') this.#answer?.resolve(news);
        else options.onNews(news);
      });
      void this.#exited.then(() => {
        clearTimeout(late);
        const error = new Error(`a generator process ended: ${words.trim() || this.#child.signalCode}`);
        reject(error);
        this.#answer?.reject(error);
        if (!this.#closing) options.onDeath(error.message);
      });
    });
    this.ready.catch(() => undefined);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  send(order: Order): void {
    if (this.#child.connected) this.#child.send(order);
  }

  read(): Promise<AgentReading> {
    return new Promise<AgentReading>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('a generator process does not answer')), ANSWER);
      this.#answer = {
        resolve: (reading) => {
          clearTimeout(timer);
          resolve(reading);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      if (!this.#child.connected) this.#answer.reject(new Error('a generator process is gone'));
      else this.send({ type: 'read' });
    }).finally(() => {
      this.#answer = null;
    });
  }

  async close(): Promise<void> {
    this.#closing = true;
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.send({ type: 'end' });
    const force = setTimeout(() => this.#child.kill('SIGKILL'), END);
    await this.#exited;
    clearTimeout(force);
  }
}
