import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../src/testing/free-port.ts';
import { JanusClient } from './janus-client.ts';
import type { Place } from './place.ts';
import { TETHER } from './process.ts';

export interface JanusSettings {
  /** Threads that share all handles; by default Janus starts one for each handle. */
  readonly eventLoops: number | undefined;
  /** A shared library to take in place of Debian's libsrtp. */
  readonly libsrtp: string | undefined;
}

/** A Janus of our own, and a way to speak to it. */
export interface JanusProcess {
  readonly pid: number;
  readonly client: JanusClient;
  close(): Promise<void>;
}

const START_MS = 15_000;

/** As Debian packages it, with the video room plugin and the WebSocket transport alone. */
export async function startJanus(place: Place, settings: JanusSettings): Promise<JanusProcess> {
  const port = await freePort(place.forwarderIp);
  const folder = mkdtempSync(join(tmpdir(), 'watershed-janus-'));
  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);
  write('janus.jcfg', mainConfiguration(place, settings));
  write(
    'janus.transport.websockets.jcfg',
    `general: { ws = true\n ws_port = ${port}\n ws_ip = "${place.forwarderIp}"\n wss = false }\nadmin: { admin_ws = false }\n`,
  );
  write('janus.plugin.videoroom.jcfg', 'general: { }\n');
  const [command, ...tether] = TETHER;
  const child = spawn(command, [...tether, 'janus', '-F', folder], {
    stdio: ['ignore', 'ignore', 'ignore'],
    env: { ...process.env, ...(settings.libsrtp === undefined ? {} : { LD_PRELOAD: settings.libsrtp }) },
  });
  child.once('error', () => {});
  const end = async (): Promise<void> => {
    await stop(child);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const client = await JanusClient.connect(`ws://${place.forwarderIp}:${port}`, START_MS);
    if (child.pid === undefined) throw new Error('Janus did not start');
    return {
      pid: child.pid,
      client,
      async close() {
        client.close();
        await end();
      },
    };
  } catch (error) {
    await end();
    throw error;
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  // It has nothing to save, and a polite end of two hundred handles takes seconds.
  child.kill('SIGKILL');
  await exited;
}

function mainConfiguration(place: Place, { eventLoops }: JanusSettings): string {
  const others = (names: readonly string[]): string => names.map((name) => `libjanus_${name}.so`).join(',');
  return `general: {
  debug_level = 1
  session_timeout = 0
  ${eventLoops === undefined ? '' : `event_loops = ${eventLoops}`}
}
media: { }
nat: {
  ice_lite = true
  ice_enforce_list = "${place.interface}"
  full_trickle = false
}
plugins: {
  disable = "${others(['audiobridge', 'duktape', 'echotest', 'lua', 'nosip', 'recordplay', 'sip', 'streaming', 'textroom', 'videocall', 'voicemail'])}"
}
transports: {
  disable = "${others(['http', 'mqtt', 'nanomsg', 'pfunix', 'rabbitmq'])}"
}
events: { broadcast = false }
`;
}
