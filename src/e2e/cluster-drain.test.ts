import { afterEach, describe, expect, it } from 'vitest';
import { createParticipant, type Participant } from '../../loadtest/participant/participant.ts';
import { waitFor } from '../testing/wait.ts';
import { startCloud, type TestCloud } from './harness/cloud.ts';
import { converse } from './harness/conversation.ts';
import { GapWatch, hears, seatOf } from './harness/hearing.ts';

/** A node that goes hands its peers over: real nodes, links, pipes and participants that decrypt. */
const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function join(cloud: TestCloud, region: string, at: string): Promise<Participant> {
  const participant = createParticipant({
    token: await cloud.token('weekly', region),
    frontDoors: [cloud.at('fra').url],
    publish: ['microphone'],
  });
  ends.push(() => participant.leave());
  expect(await participant.join()).toEqual({ ok: true, value: 'joined' });
  expect(seatOf(participant)).toBe(at);
  return participant;
}

describe('a node that is drained', () => {
  it('sees its peers seated elsewhere before it lets them go, each where it may be', async () => {
    const cloud = await startCloud({ datacenters: ['sjc', 'iad', 'fra', 'sha'] });
    ends.push(() => cloud.close());
    const ann = await join(cloud, 'us', 'sjc');
    const abe = await join(cloud, 'us', 'sjc');
    const eve = await join(cloud, 'eu', 'fra');
    await hears(ann, abe);
    for (const one of [ann, abe]) await hears(eve, one);
    const told: string[] = [];
    for (const one of [ann, abe]) {
      one.client.on('status', (status) => told.push(status));
      one.client.on('problem', ({ code }) => told.push(code));
      one.client.on('moved', ({ from, to, why }) =>
        told.push(`${from?.datacenter} ${to.datacenter} ${why.code}`),
      );
    }
    const gap = new GapWatch(eve, [ann, abe]);
    await cloud.at('sjc').drain();
    await waitFor('the word of it', () => told.length >= 2);
    // Nobody ever was without a seat: not rejoined, but moved.
    expect(told).toEqual(['sjc iad draining', 'sjc iad draining']);
    for (const [listener, speaker] of [[eve, ann] as const, [ann, abe] as const, [abe, eve] as const]) {
      await hears(listener, speaker);
    }
    expect(await gap.longest()).toBeLessThan(2000);
    expect([ann, abe, eve].map(seatOf)).toEqual(['iad', 'iad', 'fra']);
    await waitFor('only those who are there to be known', () => eve.client.room?.peers.size === 2);
    await cloud.stop('sjc');
    await hears(eve, abe);
  }, 90_000);

  it('sends away who has nowhere to go, or does not go, within the bound', async () => {
    const cloud = await startCloud({
      datacenters: ['fra', 'sha'],
      parts: {
        yaml: 'drain: { seconds: 4 }\ncluster: { pipes: { ip: 127.0.0.1, portMin: 30000, portMax: 39999 } }',
      },
    });
    ends.push(() => cloud.close());
    const requests = [
      {
        type: 'request',
        id: 1,
        method: 'join',
        data: { displayName: 'Ann', rtpCapabilities: { codecs: [], headerExtensions: [] } },
      },
    ];
    const answered = async (token: string, at: string) => {
      const call = await converse(cloud.at(at).url, token, 'program', { requests });
      await waitFor('the join', () => call.frames.some((frame) => frame.includes('"response"')));
      return call;
    };
    // With fra alone no other seat is left for us; nothing is said of sha.
    const stuck = await answered(await cloud.token('one', 'us'), 'fra');
    await cloud.at('fra').drain();
    expect(stuck.closeCode).toBe(4503);
    expect(stuck.frames.at(-1)).toContain('"draining"');
    expect(stuck.all()).not.toContain('"move"');
    await cloud.stop('fra');
    await cloud.start('fra');
    await cloud.start('iad');
    const deaf = await answered(await cloud.token('two', 'us'), 'fra');
    await cloud.at('fra').drain();
    await waitFor('the end', () => deaf.closeCode !== null);
    expect(deaf.all()).toContain('"move"');
    expect(deaf.all()).toContain('iad');
    expect(deaf.all()).not.toContain('"sha"');
  }, 60_000);
});
