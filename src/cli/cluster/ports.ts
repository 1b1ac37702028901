import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

/**
 * Where ports are looked for: below what systems give to outgoing connections and what workers choose from, so
 * that a port which is free now is still free when the process that gets it starts.
 */
const FIRST = 4500;
const LAST = 9999;
/** Of these, what browsers and `fetch` refuse to connect to (Fetch Standard, "bad port"). */
const BAD: ReadonlySet<number> = new Set([5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697]);
const TRIES = 2000;

/** So many TCP ports of 127.0.0.1 on which nobody listens. */
export async function freePorts(count: number): Promise<number[]> {
  // Held until all are found: so none is found twice.
  const held = new Map<number, Server>();
  try {
    for (let n = 0; n < TRIES && held.size < count; n++) {
      const port = randomInt(FIRST, LAST + 1);
      if (held.has(port) || BAD.has(port)) continue;
      const server = await listen(port);
      if (server !== null) held.set(port, server);
    }
    if (held.size < count) throw new Error(`no ${count} free ports between ${FIRST} and ${LAST}`);
    return [...held.keys()];
  } finally {
    await Promise.all(
      [...held.values()].map(async (server) => {
        server.close();
        await once(server, 'close');
      }),
    );
  }
}

async function listen(port: number): Promise<Server | null> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return server;
  } catch {
    return null;
  }
}
