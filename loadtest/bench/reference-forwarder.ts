import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { ensureProgram, sharedSource } from '../native/build.ts';
import type { SrtpProfile } from '../native/messages.ts';
import {
  addSenders,
  addShapes,
  CODECS,
  type Forwarder,
  names,
  type Session,
  type Setting,
  streamNumber,
} from './forwarder.ts';
import { claimCore, memory, TETHER } from './process.ts';

const program = {
  name: 'forwarder',
  sources: [join(import.meta.dirname, 'forwarder.c'), ...['base.c', 'json.c', 'srtp.c'].map(sharedSource)],
};

/** Bytes of master key and master salt. */
const KEY_BYTES: Record<SrtpProfile, number> = {
  AEAD_AES_256_GCM: 44,
  AEAD_AES_128_GCM: 28,
  AES_CM_128_HMAC_SHA1_80: 30,
  AES_CM_128_HMAC_SHA1_32: 30,
};

/** `forwarder.c`: the least that forwarding a packet takes. Of simulcast it forwards the highest layer. */
export const referenceForwarder: Forwarder = {
  label: 'reference',
  about: 'loadtest/bench/forwarder.c: recv, SRTP, one sendto for each subscriber',
  open: (setting) => openForwarder(setting, []),
};

/** The same, which sends together what is there together: the least that an SFU with UDP GSO could take. */
export const batchedForwarder: Forwarder = {
  label: 'batched',
  about:
    'loadtest/bench/forwarder.c: recv, SRTP, and one sendmmsg with UDP GSO for all packets that were there',
  open: (setting) => openForwarder(setting, ['batched']),
};

async function openForwarder(setting: Setting, options: readonly string[]): Promise<Session> {
  const executable = await ensureProgram(program);
  const [command, ...tether] = TETHER;
  const child = spawn(command, [...tether, executable, setting.place.forwarderIp, ...options], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.once('error', () => {});
  try {
    return await openSession(child, setting);
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}

async function openSession(child: ChildProcess, setting: Setting): Promise<Session> {
  const { plan, generator, profile, place } = setting;
  const {
    pid,
    stdin,
    stdout,
  }: { pid?: number | undefined; stdin: Writable | null; stdout: Readable | null } = child;
  if (pid === undefined || stdin === null || stdout === null) throw new Error('the forwarder did not start');
  claimCore(pid, setting.core);
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const { done, value } = await lines.next();
    if (done) throw new Error('the forwarder ended');
    return value;
  };
  const say = async (line: string): Promise<void> => {
    stdin.write(`${line}\n`);
    if ((await next()) !== 'ok') throw new Error(`the forwarder refused: ${line}`);
  };
  const port = Number(await next());
  await say(`profile ${profile}`);
  await addShapes(generator, plan);
  const add = async (role: 'publisher' | 'subscriber', participant: number): Promise<void> => {
    const key = randomBytes(KEY_BYTES[profile]).toString('base64');
    const { port: own } = await generator.addTransport({
      transport: `${role}${participant}`,
      bind: place.generatorIp,
      remote: { ip: place.forwarderIp, port },
      srtp: { profile, send: key, receive: key },
    });
    await say(`${role} ${place.generatorIp} ${own} ${key}`);
  };
  const publishers: number[] = [];
  for (const [participant, { publishes }] of plan.participants.entries()) {
    if (publishes.length === 0) continue;
    await add('publisher', participant);
    publishers.push(participant);
  }
  const memoryBefore = memory([pid]);
  let subscribers = 0;
  for (const [participant, { subscribesTo }] of plan.participants.entries()) {
    if (subscribesTo.length === 0) continue;
    await add('subscriber', participant);
    for (const from of subscribesTo) {
      for (const [index, medium] of (plan.participants[from]?.publishes ?? []).entries()) {
        const ssrc = streamNumber(from, index, medium.layers.length - 1);
        await say(`route ${publishers.indexOf(from)} ${ssrc} ${subscribers} ${ssrc}`);
        await generator.addReceiver({
          transport: `subscriber${participant}`,
          receiver: names.receiver(participant, from, index),
          ssrc,
          clockRate: CODECS[medium.codec].clockRate,
          codec: medium.codec,
        });
      }
    }
    subscribers += 1;
  }
  await addSenders(generator, plan, (participant) => `publisher${participant}`);
  return {
    pids: [pid],
    memoryBefore,
    async close() {
      child.kill('SIGKILL');
    },
  };
}
