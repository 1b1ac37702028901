import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import WebSocket from 'ws';
import { bundleOf, testSigner } from '../../../src/node/testing/signers.ts';
import type { Policy, Region, Route } from '../../../src/policy/model.ts';
import { parsePolicy } from '../../../src/policy/parse.ts';
import { printPolicy } from '../../../src/policy/print.ts';
import { largePolicy } from '../../../src/policy/testing/large.ts';
import { SIGNAL_PATH, SUBPROTOCOL } from '../../../src/protocol/frames.ts';
import type { Figure } from './figure.ts';
import { type FromNode, fromNodeSchema, type ToNode } from './switch-messages.ts';

type OfKind<K extends FromNode['kind']> = Extract<FromNode, { kind: K }>;

/**
 * How long a bundle switch keeps the event loop of a node from everything else: a real node in a process of its own,
 * a thousand real sessions, each joined and with a transport. The node looks at the clock every millisecond.
 */
const SESSIONS = 1000;
const SETTLE_MS = 500;
const BOUND_MS = 60_000;

interface World {
  readonly cloud: string;
  readonly here: string;
  /** Home of the i-th session. */
  home(i: number): string;
  /** The policy with this version; `closed` to half of the sessions, or open to all. */
  text(version: number, closed: boolean): string;
}

export function switchFigures(): Figure[] {
  const figures = (name: string, world: World, closes: boolean): Figure[] => {
    let measured: Promise<Pause[]> | undefined;
    const of = (part: keyof Pause) => async (rounds: number) => {
      measured ??= pauses(world, rounds, closes);
      return (await measured).map((pause) => pause[part]);
    };
    const what = `switch with ${SESSIONS} sessions, ${name}: longest pause`;
    const target = { atMost: 20 };
    return [
      { name: what, unit: 'ms', target, measure: of('wall') },
      { name: `${what}, on a processor`, unit: 'ms', target, measure: of('cpu') },
    ];
  };
  return [
    ...figures('zoom-2020, all stay', zoom(), false),
    ...figures('zoom-2020, half must go', zoom(), true),
    ...figures('200 × 1000 × 40, all stay', large(), false),
    ...figures('200 × 1000 × 40, half must go', large(), true),
  ];
}

/** The longest time between two looks at the clock, and the longest that the thread was on a processor within one, in ms. */
interface Pause {
  readonly wall: number;
  readonly cpu: number;
}

async function pauses(world: World, rounds: number, closes: boolean): Promise<Pause[]> {
  const bench = await SwitchBench.start(world);
  try {
    const found: Pause[] = [];
    for (let round = 0; round <= rounds; round++) {
      const pause = await bench.round(closes);
      if (round > 0) found.push(pause);
    }
    return found;
  } finally {
    await bench.end();
  }
}

class SwitchBench {
  readonly #world: World;
  readonly #dir = mkdtempSync(join(tmpdir(), 'watershed-switch-'));
  readonly #signers = [testSigner('ana'), testSigner('ben')];
  #child: ChildProcess | null = null;
  #url = '';
  #version = 0;
  #sockets: (WebSocket | null)[] = Array(SESSIONS).fill(null);

  private constructor(world: World) {
    this.#world = world;
  }

  static async start(world: World): Promise<SwitchBench> {
    const bench = new SwitchBench(world);
    bench.#publish(false);
    const script = fileURLToPath(new URL('./switch-node.ts', import.meta.url));
    const child = spawn(process.execPath, ['--import', 'tsx', script, bench.#config()], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    bench.#child = child;
    bench.#url = (await bench.#heard('ready')).url;
    // Its threads of now, those that collect garbage too: what other programs do is not what is measured.
    if (child.pid !== undefined) chrt(child.pid);
    return bench;
  }

  #config(): string {
    const file = join(this.#dir, 'node.yaml');
    const signers = this.#signers.map(({ root }) => `{ name: ${root.name}, key: "${root.key}" }`);
    writeFileSync(
      file,
      `mode: development
node: { datacenter: ${this.#world.here}, cloud: ${this.#world.cloud} }
policy: { bundle: policy.bundle, stateDir: state, signers: [${signers}] }
http: { host: 127.0.0.1, port: 0 }
signaling: { maxConnectionsPerAddress: 5000 }
media: { workers: 1, basePort: 0, listen: [{ ip: 127.0.0.1 }] }
tokens: { development: true }
`,
    );
    return file;
  }

  #publish(closed: boolean): void {
    this.#version += 1;
    const file = join(this.#dir, 'policy.bundle');
    writeFileSync(`${file}.new`, bundleOf(this.#world.text(this.#version, closed), this.#signers));
    renameSync(`${file}.new`, file);
  }

  /** The next message of this kind. */
  #heard<K extends FromNode['kind']>(kind: K): Promise<OfKind<K>> {
    const child = this.#child;
    if (child === null) throw new Error('no node runs');
    return new Promise((resolve, reject) => {
      const fail = () => reject(new Error(`the node did not say "${kind}"`));
      const timer = setTimeout(fail, BOUND_MS);
      const listen = (raw: unknown): void => {
        const message = fromNodeSchema.parse(raw);
        if (!isOf(message, kind)) return;
        clearTimeout(timer);
        child.off('message', listen).off('exit', fail);
        resolve(message);
      };
      child.on('message', listen).once('exit', fail);
    });
  }

  async #ask<K extends FromNode['kind']>(message: ToNode, answer: K) {
    const heard = this.#heard(answer);
    this.#child?.send(message);
    return heard;
  }

  async #fill(): Promise<void> {
    const { cloud, home } = this.#world;
    const regions = Array.from({ length: SESSIONS }, (_, i) => home(i));
    const { tokens } = await this.#ask({ kind: 'tokens', cloud, regions }, 'tokens');
    for (let from = 0; from < SESSIONS; from += 25) {
      const batch = this.#sockets.slice(from, from + 25).map((socket, i) => ({ socket, i: from + i }));
      await Promise.all(
        batch
          .filter(({ socket }) => socket === null)
          .map(async ({ i }) => {
            this.#sockets[i] = await join1(this.#url, tokens[i] ?? '', () => {
              this.#sockets[i] = null;
            });
          }),
      );
    }
  }

  /** One switch. */
  async round(closes: boolean): Promise<Pause> {
    await this.#fill();
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    await this.#ask({ kind: 'watch' }, 'watching');
    const switched = this.#heard('switched');
    this.#publish(closes);
    await switched;
    const end = performance.now() + BOUND_MS;
    const stay = closes ? SESSIONS / 2 : SESSIONS;
    while (this.#sockets.filter((socket) => socket !== null).length > stay && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const { wall, cpu, judged } = await this.#ask({ kind: 'report' }, 'report');
    const left = this.#sockets.filter((socket) => socket !== null).length;
    if (judged !== SESSIONS || left !== stay) throw new Error(`${judged} were judged, ${left} stay`);
    process.stderr.write(`  ${wall.toFixed(1)} ms, of which on a processor ${cpu.toFixed(1)} ms\n`);
    if (closes) {
      const open = this.#heard('switched');
      this.#publish(false);
      await open;
    }
    return { wall, cpu };
  }

  async end(): Promise<void> {
    for (const socket of this.#sockets) socket?.terminate();
    const child = this.#child;
    if (child !== null && child.exitCode === null) {
      const exited = new Promise((resolve) => child.once('exit', resolve));
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      if (child.connected) child.send({ kind: 'end' } satisfies ToNode);
      else child.kill('SIGKILL');
      await exited;
      clearTimeout(timer);
    }
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

/** A participant who has joined and has a transport. */
function join1(url: string, token: string, onClose: () => void): Promise<WebSocket> {
  const headers = { authorization: `Bearer ${token}` };
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}${SIGNAL_PATH}`, [SUBPROTOCOL], { headers });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no transport in time')), BOUND_MS);
    socket.on('error', reject).on('close', onClose);
    socket.on('unexpected-response', (_request, { statusCode }) =>
      reject(new Error(`refused: ${statusCode}`)),
    );
    socket.on('open', () => {
      const rtpCapabilities = { codecs: [], headerExtensions: [] };
      const join = { displayName: 'Ann', rtpCapabilities };
      socket.send(JSON.stringify({ type: 'request', id: 1, method: 'join', data: join }));
      const transport = { direction: 'send' };
      socket.send(JSON.stringify({ type: 'request', id: 2, method: 'createTransport', data: transport }));
    });
    const listen = (data: WebSocket.RawData): void => {
      if (!data.toString().includes('"iceParameters"')) return;
      clearTimeout(timer);
      socket.off('message', listen);
      resolve(socket);
    };
    socket.on('message', listen);
  });
}

/** Ahead of ordinary programs; what it starts later (the thread of a proof) is ordinary. Where that is not allowed, nothing changes. */
function chrt(pid: number): void {
  try {
    execFileSync('chrt', ['-a', '-R', '-r', '-p', '10', String(pid)], { stdio: 'ignore' });
  } catch {
    process.stderr.write('  (not ahead of other programs: their work is in the figures)\n');
  }
}

function zoom(): World {
  const url = new URL('../../../config/policies/zoom-2020.yaml', import.meta.url);
  const open = readFileSync(url, 'utf8').replace(/^expires:.*$/m, '');
  const closed = open
    .replace(/(eu: .*admits: )any/, '$1[eu]')
    .replace(/^( {2}us: .*secondaries: ).*$/m, '$1[hkg] }')
    .replace(/^( {2}hk: .*secondaries: ).*$/m, '$1[sjc] }');
  if (!parsePolicy(closed, 'zoom').ok) throw new Error('not a policy');
  return {
    cloud: 'commercial',
    here: 'fra',
    home: (i) => (i % 2 === 0 ? 'eu' : 'us'),
    text: (version, half) => (half ? closed : open).replace('version: 12', `version: ${version}`),
  };
}

function large(): World {
  const policy = largePolicy(200, 1000, 40);
  const here = 'dc-0';
  const everywhere = [...policy.routes].map(([name, route]): [string, Route] => [
    name,
    { ...route, primaries: [here, ...route.primaries.filter((d) => d !== here)] },
  ]);
  const open: Policy = { ...policy, routes: new Map(everywhere) };
  const even = (name: string) => Number(name.split('-')[1]) % 2 === 0;
  const closed: Policy = {
    ...policy,
    regions: new Map(
      [...policy.regions].map(([name, region]): [string, Region] => [
        name,
        name === 'region-0' ? { ...region, admits: [...policy.regions.keys()].filter(even) } : region,
      ]),
    ),
    routes: new Map(
      everywhere.map(([name, route]): [string, Route] => {
        const may = (d: string) => even(name) || Number(d.split('-')[1]) % 200 !== 0;
        return [
          name,
          { ...route, primaries: route.primaries.filter(may), secondaries: route.secondaries.filter(may) },
        ];
      }),
    ),
  };
  return {
    cloud: 'bench',
    here,
    home: (i) => `region-${i % 200}`,
    text: (version, half) => printPolicy({ ...(half ? closed : open), version }),
  };
}

function isOf<K extends FromNode['kind']>(message: FromNode, kind: K): message is OfKind<K> {
  return message.kind === kind;
}
