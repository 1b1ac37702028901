import { once } from 'node:events';
import { chmod, mkdir, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';

/**
 * How `watershed node drain` reaches a node: a Unix socket that its owner alone may open. The command writes one
 * line, `drain` or `drain when-empty`; the node answers with one line of JSON whenever the number of those who are
 * still here changes, and the socket ends with the node.
 */
export interface Control {
  close(): void;
}

export interface DrainTarget {
  drain(whenEmpty: boolean): void;
  occupancy(): Occupancy;
}

const occupancySchema = z.object({ rooms: z.int().min(0), sessions: z.int().min(0) });
type Occupancy = z.infer<typeof occupancySchema>;

const MAX_LINE = 64;
/** How often those who are still here are counted, in ms. */
const COUNT_MS = 500;

/** Rejects when another node listens there. A socket that a killed node left behind is replaced. */
export async function listenForDrain(path: string, target: DrainTarget): Promise<Control> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const other = await open(path);
  if (other !== null) {
    other.destroy();
    throw new Error(`drain.socket: another node listens at ${path}`);
  }
  await rm(path, { force: true });
  const server = createServer((socket) => serve(socket, target));
  server.listen(path);
  await once(server, 'listening');
  await chmod(path, 0o600);
  // Nobody waits for a command that may never come.
  server.unref();
  return { close: () => server.close() };
}

function serve(socket: Socket, target: DrainTarget): void {
  let line = '';
  socket.on('error', () => socket.destroy());
  socket.setEncoding('utf8').on('data', (text: string) => {
    line += text;
    const end = line.indexOf('\n');
    if (end < 0 && line.length <= MAX_LINE) return;
    const [, whenEmpty] = /^drain( when-empty)?$/.exec(line.slice(0, end)) ?? ['', null];
    if (whenEmpty === null) {
      socket.destroy();
      return;
    }
    socket.removeAllListeners('data').resume();
    target.drain(whenEmpty !== undefined);
    tell(socket, target);
  });
}

function tell(socket: Socket, target: DrainTarget): void {
  let said = '';
  const count = () => {
    const { rooms, sessions } = target.occupancy();
    const text = JSON.stringify({ rooms, sessions });
    if (text !== said) socket.write(`${text}\n`);
    said = text;
  };
  count();
  const timer = setInterval(count, COUNT_MS);
  timer.unref();
  socket.once('close', () => clearInterval(timer));
}

/** Asks the node at the socket to drain, says how it goes, and resolves once it has ended; false: none is there. */
export async function askToDrain(
  path: string,
  whenEmpty: boolean,
  say: (text: string) => void,
): Promise<boolean> {
  const socket = await open(path);
  if (socket === null) {
    say(`no node listens at ${path}`);
    return false;
  }
  socket.write(whenEmpty ? 'drain when-empty\n' : 'drain\n');
  let answered = false;
  try {
    for await (const line of createInterface({ input: socket })) {
      const { rooms, sessions } = occupancySchema.parse(JSON.parse(line));
      answered = true;
      say(`draining: ${sessions} sessions in ${rooms} rooms are still here`);
    }
  } catch {
    // The socket ended with its process; what was said before counts.
  }
  say(answered ? 'the node has ended' : 'the node did not answer');
  return answered;
}

async function open(path: string): Promise<Socket | null> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    return socket;
  } catch {
    return null;
  }
}
