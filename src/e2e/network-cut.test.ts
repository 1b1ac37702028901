import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Relay } from '../../loadtest/agent/relay.ts';
import { createParticipant, type Participant } from '../../loadtest/participant/participant.ts';
import { freePort } from '../testing/free-port.ts';
import { waitFor } from '../testing/wait.ts';
import { type CuttableProxy, startCuttableProxy } from './harness/cuttable-proxy.ts';
import { heard, hears, ownId } from './harness/hearing.ts';
import { startNode, type TestNode } from './harness/node.ts';
import { localPolicy } from './harness/policies.ts';

// People whose whole network is one line: the front door, the node and media. The node and a witness are not cut.

const NOTHING_PASSES = { loss: 1, delay: 0, jitter: 0, reorder: 0, duplicate: 0 };
/** Longer than the silence after which a node is suspected to be gone. */
const CUT_MS = 3000;
/** Beyond the pause before the next try and what media takes to mend. */
const SETTLED_MS = 30_000;
/** Tries of each come at random times, so that some meet the end of the cut. */
const PEOPLE = 5;

let node: TestNode;
let proxy: CuttableProxy;
let relay: Relay;
let witness: Participant;
const people: Participant[] = [];
const statuses: string[][] = [];
const left: string[] = [];

async function join(options: Partial<Parameters<typeof createParticipant>[0]>): Promise<Participant> {
  const token = await node.token({ room: 'cut' });
  const participant = createParticipant({ token, publish: ['microphone'], ...options });
  expect(await participant.join()).toEqual({ ok: true, value: 'joined' });
  return participant;
}

beforeAll(async () => {
  const port = await freePort();
  proxy = await startCuttableProxy(port);
  relay = new Relay(1);
  const url = `ws://127.0.0.1:${proxy.port}`;
  node = await startNode({ port, publicUrl: url, policy: localPolicy('policy.yaml', { local: url }) });
  witness = await join({ url: `ws://127.0.0.1:${port}` });
  witness.client.on('peerLeft', ({ peerId }) => left.push(peerId));
  for (let n = 0; n < PEOPLE; n += 1) {
    const seen: string[] = [];
    const one = await join({ frontDoors: [url], route: relay.link().route });
    one.client.on('status', (status) => seen.push(status));
    people.push(one);
    statuses.push(seen);
  }
}, 60_000);
afterAll(async () => {
  await Promise.all([witness, ...people].map((one) => one?.leave()));
  await node?.close();
  await proxy?.close();
  relay?.close();
});

const lines = {
  'ends connections': () => proxy.cut(),
  'swallows packets': () => proxy.stall(),
} as const;

it.each(Object.keys(lines) as (keyof typeof lines)[])(
  'a network that %s for 3 s takes nobody’s seat, and media comes back',
  async (how) => {
    for (const one of people) await hears(one, witness);
    const seats = people.map(ownId);
    lines[how]();
    relay.impair(NOTHING_PASSES);
    await sleep(CUT_MS);
    const before = await Promise.all(people.map(async (one) => [await heard(one), await heard(witness)]));
    proxy.mend();
    relay.impair(null);
    await Promise.all(
      people.map(async (one, n) => {
        const grew = (counts: Map<string, number>, was: Map<string, number> | undefined, id: string) =>
          (counts.get(id) ?? 0) > (was?.get(id) ?? 0) + 20;
        await waitFor(
          'media in both directions',
          async () =>
            grew(await heard(one), before[n]?.[0], ownId(witness)) &&
            grew(await heard(witness), before[n]?.[1], ownId(one)),
          SETTLED_MS,
        );
      }),
    );
    await waitFor('the seats', () => people.every(({ client }) => client.status === 'joined'), SETTLED_MS);
    expect(people.map(ownId)).toEqual(seats);
    expect(statuses.flat()).not.toContain('rejoining');
    if (how === 'ends connections') for (const seen of statuses) expect(seen).toContain('resuming');
    expect(left).toEqual([]);
  },
  90_000,
);
