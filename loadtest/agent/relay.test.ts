import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { waitFor } from '../../src/testing/wait.ts';
import type { Impairment, Link } from './link.ts';
import { Relay } from './relay.ts';

const GOOD: Impairment = { loss: 0, delay: 0, jitter: 0, reorder: 0, duplicate: 0 };
const DEAF: Impairment = { ...GOOD, loss: 1 };

let relay: Relay;
let far: Socket;
let near: Socket;
/** What came to the far end, and what came back from there, which answers everything. */
let heard: string[];
let answers: string[];

beforeEach(async () => {
  relay = new Relay(1);
  [heard, answers] = [[], []];
  far = await socketOf((datagram, sender) => {
    heard.push(datagram.toString().trim());
    far.send(datagram, sender.port, sender.address);
  });
  near = await socketOf((datagram) => void answers.push(datagram.toString().trim()));
});

afterEach(() => {
  relay.close();
  near.close();
  far.close();
});

async function socketOf(onMessage: (datagram: Buffer, sender: RemoteInfo) => void): Promise<Socket> {
  const socket = createSocket('udp4').on('message', onMessage);
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

/** Sends over a line; `bytes` to fill a narrow one. */
async function say(link: Link, words: string, bytes = 0): Promise<void> {
  const { ip, port } = await link.route({ ip: '127.0.0.1', port: far.address().port });
  near.send(words.padEnd(bytes), port, ip);
}

const answered = (words: string) => waitFor(words, () => answers.includes(words));

test('people of one home region alone are harmed, until that ends', async () => {
  const [eu, us] = [relay.link('eu'), relay.link('us')];
  relay.impair(DEAF, 'eu');
  await say(eu, 'lost');
  await say(us, 'from us');
  await answered('from us');
  await say(eu, 'lost too');
  relay.impair(null, 'us');
  await say(us, 'again from us');
  await answered('again from us');
  relay.impair(null, 'eu');
  await say(eu, 'from eu');
  await answered('from eu');
  // A line keeps the order: what was not lost would have come before.
  expect(heard).toEqual(['from us', 'again from us', 'from eu']);
});

test('what is said of everybody holds for those of whom nothing else is said', async () => {
  const [eu, us] = [relay.link('eu'), relay.link('us')];
  relay.impair(DEAF);
  relay.impair(GOOD, 'eu');
  await say(us, 'lost');
  await say(eu, 'from eu');
  await answered('from eu');
  relay.impair(null);
  await say(us, 'from us');
  await answered('from us');
  expect(heard).toEqual(['from eu', 'from us']);
});

test('each has a narrow line alone', async () => {
  const [first, second] = [relay.link('eu'), relay.link('eu')];
  relay.impair({ ...GOOD, up: 16 }, 'eu');
  // Four seconds of it: nobody else could pass a queue that holds a quarter.
  await say(first, 'fills its own', 8000);
  await say(second, 'passes beside it');
  await answered('passes beside it');
  expect(heard).toEqual(['passes beside it']);
});

test('a closed line carries nothing more, and the others go on', async () => {
  const [first, second] = [relay.link('eu'), relay.link('eu')];
  const { ip, port } = await first.route({ ip: '127.0.0.1', port: far.address().port });
  first.close();
  near.send('lost', port, ip);
  await say(second, 'heard');
  await answered('heard');
  expect(heard).toEqual(['heard']);
});
