import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { z } from 'zod';
import { ensureProgram, generatorProgram } from './build.ts';
import {
  credentialsSchema,
  type FarEnd,
  type Fingerprint,
  flowsSchema,
  type GeneratorFlows,
  type GeneratorStats,
  lineSchema,
  type NewPlainTransport,
  type NewReceiver,
  type NewRecording,
  type NewSender,
  type NewShape,
  type NewTransport,
  readySchema,
  removedSchema,
  type SenderChange,
  statsSchema,
  type TransportState,
} from './messages.ts';

export interface GeneratorOptions {
  /** Processor to run on; any by default. */
  readonly core?: number;
  /** Looks for packets only every so many microseconds (README.md); by default as they come. */
  readonly tickUs?: number;
  /** A command to run it through, which becomes it (`ip netns exec NAME`). */
  readonly command?: readonly string[];
  readonly onState?: (state: TransportState) => void;
  /** Called once when the process ended without being asked to. */
  readonly onDied?: (error: Error) => void;
}

const START_MS = 10_000;
const QUIT_MS = 3_000;

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** The native generator (README.md), as Node drives it. Whoever starts it closes it. */
export class Generator {
  readonly pid: number;
  /** Of the certificate that all its transports use. */
  readonly fingerprint: Fingerprint;
  readonly #child: ChildProcess;
  readonly #input: Writable;
  readonly #options: GeneratorOptions;
  readonly #exited: Promise<void>;
  readonly #waiting = new Map<number, Waiting>();
  readonly #states = new Map<string, TransportState>();
  readonly #watchers = new Set<(state: TransportState) => void>();
  #nextId = 1;
  #closing = false;
  #dead: Error | undefined;

  private constructor(
    child: ChildProcess,
    input: Writable,
    lines: AsyncIterableIterator<string>,
    ready: { readonly pid: number; readonly fingerprint: Fingerprint },
    options: GeneratorOptions,
  ) {
    this.#child = child;
    this.#input = input;
    this.#options = options;
    this.pid = ready.pid;
    this.fingerprint = ready.fingerprint;
    this.#exited = this.#read(lines).then(
      () => this.#end(new Error('the generator ended')),
      (error: Error) => this.#end(error),
    );
  }

  /** Builds it if need be, and starts it. */
  static async start(options: GeneratorOptions = {}): Promise<Generator> {
    const executable = await ensureProgram(generatorProgram);
    const pinned = options.core === undefined ? [] : ['taskset', '-c', String(options.core)];
    const tick = options.tickUs === undefined ? [] : ['--tick-us', String(options.tickUs)];
    const [file = executable, ...args] = [...(options.command ?? []), ...pinned, executable, ...tick];
    const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    child.once('error', () => {});
    const { stdin, stdout }: { stdin: Writable | null; stdout: Readable | null } = child;
    if (stdin === null || stdout === null) throw new Error('the generator could not be started');
    // What cannot be written shows as the end of its output.
    stdin.on('error', () => {});
    const lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
    const late = setTimeout(() => child.kill('SIGKILL'), START_MS);
    const first = await lines.next().finally(() => clearTimeout(late));
    if (first.done) throw new Error('the generator could not be started');
    return new Generator(child, stdin, lines, readySchema.parse(JSON.parse(first.value)), options);
  }

  /** Answers with what the SFU may want to know; the state comes as an event. */
  async addTransport(
    transport: NewTransport | NewPlainTransport,
  ): Promise<z.infer<typeof credentialsSchema>> {
    return credentialsSchema.parse(await this.#request('addTransport', transport));
  }

  async startTransport(transport: string, farEnd: FarEnd): Promise<void> {
    await this.#request('startTransport', { transport, ...farEnd });
  }

  async closeTransport(transport: string): Promise<void> {
    this.#states.delete(transport);
    await this.#request('closeTransport', { transport });
  }

  async addShape(shape: NewShape | NewRecording): Promise<void> {
    await this.#request('shape', shape);
  }

  async addSender(sender: NewSender): Promise<void> {
    await this.#request('addSender', sender);
  }

  async setSender(change: SenderChange): Promise<void> {
    await this.#request('setSender', change);
  }

  /** Returns the sequence number used last. */
  async removeSender(sender: string): Promise<number> {
    return removedSchema.parse(await this.#request('removeSender', { sender })).sequence;
  }

  async addReceiver(receiver: NewReceiver): Promise<void> {
    await this.#request('addReceiver', receiver);
  }

  async removeReceiver(receiver: string): Promise<void> {
    await this.#request('removeReceiver', { receiver });
  }

  async requestKeyFrame(receiver: string): Promise<void> {
    await this.#request('requestKeyFrame', { receiver });
  }

  async stats(options: { detail?: boolean; reset?: boolean } = {}): Promise<GeneratorStats> {
    return statsSchema.parse(await this.#request('stats', options));
  }

  /** As `stats`, for all receivers and in fewer words; `reset` begins latencies and lateness anew. */
  async flows(options: { reset?: boolean } = {}): Promise<GeneratorFlows> {
    return flowsSchema.parse(await this.#request('flows', options));
  }

  /** Resolves when the transport is connected; rejects when it failed, was closed, or took longer. */
  async connected(transport: string, withinMs = 15_000): Promise<TransportState> {
    const known = this.#states.get(transport);
    if (known?.state === 'connected') return known;
    return new Promise((resolve, reject) => {
      const done = (end: () => void): void => {
        clearTimeout(timer);
        this.#watchers.delete(watcher);
        end();
      };
      const watcher = (state: TransportState): void => {
        if (state.transport !== transport) return;
        if (state.state === 'connected') done(() => resolve(state));
        else done(() => reject(new Error(`transport ${transport} ${state.state}: ${state.reason ?? ''}`)));
      };
      const timer = setTimeout(
        () => done(() => reject(new Error(`transport ${transport} did not connect in ${withinMs} ms`))),
        withinMs,
      );
      if (known !== undefined) watcher(known);
      else this.#watchers.add(watcher);
    });
  }

  /** Ends the process; idempotent. */
  async close(): Promise<void> {
    if (!this.#closing) {
      this.#closing = true;
      this.#input.end(`${JSON.stringify({ id: 0, op: 'quit' })}\n`);
    }
    const late = setTimeout(() => this.#child.kill('SIGKILL'), QUIT_MS);
    await this.#exited.finally(() => clearTimeout(late));
  }

  async #request(op: string, fields: object): Promise<unknown> {
    if (this.#dead !== undefined) throw this.#dead;
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#input.write(`${JSON.stringify({ ...fields, id, op })}\n`);
    });
  }

  async #read(lines: AsyncIterableIterator<string>): Promise<void> {
    for await (const line of lines) {
      const message = lineSchema.parse(JSON.parse(line));
      if ('state' in message) {
        this.#onState(message.state);
        continue;
      }
      const waiting = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if ('error' in message) waiting?.reject(new Error(`generator: ${message.error}`));
      else waiting?.resolve(message.answer);
    }
  }

  #onState(state: TransportState): void {
    this.#states.set(state.transport, state);
    for (const watcher of [...this.#watchers]) watcher(state);
    this.#options.onState?.(state);
  }

  #end(error: Error): void {
    this.#dead = error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
    this.#child.kill('SIGKILL');
    if (!this.#closing) this.#options.onDied?.(error);
  }
}
