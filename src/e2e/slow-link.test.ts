import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { createParticipant, type Participant } from '../../loadtest/participant/participant.ts';
import { RouterWatch } from '../media/testing/router-watch.ts';
import { freePort } from '../testing/free-port.ts';
import { waitFor } from '../testing/wait.ts';
import { startCloud, type TestCloud } from './harness/cloud.ts';
import { type CuttableProxy, startCuttableProxy } from './harness/cuttable-proxy.ts';
import { expectOutside } from './harness/fence.ts';
import { GapWatch, hears, ownId, seatOf } from './harness/hearing.ts';

/**
 * Whole nodes whose links take as long as two satellites in a row, and stand still for a while. What pipes do on a
 * path that loses packets is tested with them; here media is not slowed.
 */
/** Of each direction: a link takes 1.6 s to come up, and 0.8 s to answer. */
const DELAY_MS = 400;
/** Less than the silence after which a link counts as dead. */
const STALL_MS = 4000;
const [ANN, LIN, CHEN] = ['127.0.1.1', '127.0.3.1', '127.0.2.1'];

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function join(cloud: TestCloud, region: string, at: string, address: string): Promise<Participant> {
  const participant = createParticipant({
    token: await cloud.token('summit', region),
    url: cloud.at(at).url.replace('http', 'ws'),
    publish: ['microphone'],
    bindAddress: address,
    displayName: region,
  });
  ends.push(() => participant.leave());
  expect(await participant.join()).toEqual({ ok: true, value: 'joined' });
  return participant;
}

it('a room over slow links is one room, moves for its fence, and outlives links that stand still', async () => {
  const watch = new RouterWatch();
  ends.push(() => watch.close());
  const datacenters = ['sjc', 'hkg', 'sha'];
  const links = new Map<string, { port: number; line: CuttableProxy }>();
  for (const datacenter of datacenters) {
    const port = await freePort();
    const line = await startCuttableProxy(port, '127.0.0.1', DELAY_MS);
    ends.push(() => line.close());
    links.set(datacenter, { port, line });
  }
  const cloud = await startCloud({
    datacenters,
    onStart: (datacenter) => watch.stands(datacenter),
    linkAt: (datacenter) => {
      const link = links.get(datacenter);
      return `{ port: ${link?.port}, announced: '127.0.0.1:${link?.line.port}' }`;
    },
  });
  ends.push(() => cloud.close());

  const chen = await join(cloud, 'cn', 'sha', CHEN);
  expect(seatOf(chen)).toBe('sha');
  const lin = await join(cloud, 'hk', 'hkg', LIN);
  await waitFor('the move', () => seatOf(chen) !== 'sha', 30_000);
  const ann = await join(cloud, 'us', 'sjc', ANN);
  expect([ann, lin].map(seatOf)).toEqual(['sjc', 'hkg']);
  const all = [ann, lin, chen];
  for (const listener of all) {
    for (const speaker of all) if (speaker !== listener) await hears(listener, speaker);
  }

  const gaps = all.map(
    (one) =>
      new GapWatch(
        one,
        all.filter((other) => other !== one),
      ),
  );
  const said: string[] = [];
  lin.client.on('chat', ({ text }) => said.push(text));
  for (const { line } of links.values()) line.stall();
  await ann.client.sendChat('over the hills');
  await sleep(STALL_MS);
  expect(said).toEqual([]);
  for (const { line } of links.values()) line.mend();
  await waitFor('what was said', () => said.length > 0);
  for (const gap of gaps) expect(await gap.longest()).toBeLessThan(2000);
  expect(said).toEqual(['over the hills']);
  expect([...(lin.client.room?.peers.keys() ?? [])].sort()).toEqual([ann, chen].map(ownId).sort());
  await expectOutside(watch, 'sha', [ANN, LIN], [CHEN]);
}, 120_000);
