import { afterEach, describe, expect, it } from 'vitest';
import { createParticipant, type Participant } from '../../loadtest/participant/participant.ts';
import { RouterWatch } from '../media/testing/router-watch.ts';
import { waitFor } from '../testing/wait.ts';
import { startCloud, type TestCloud } from './harness/cloud.ts';
import { expectOutside, seesMedia } from './harness/fence.ts';
import { hears, seatOf } from './harness/hearing.ts';

/**
 * That no packet of a `us` participant enters a router of `sha`, by what the routers say themselves: which
 * transports and producers they ever had, and what came in over them. Everyone has an address of their own.
 */
const ANN = '127.0.1.1';
const CHEN = '127.0.2.1';
const WEI = '127.0.2.2';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function cloudOf(...datacenters: string[]): Promise<{ cloud: TestCloud; watch: RouterWatch }> {
  const watch = new RouterWatch();
  ends.push(() => watch.close());
  const cloud = await startCloud({ datacenters, onStart: (datacenter) => watch.stands(datacenter) });
  ends.push(() => cloud.close());
  return { cloud, watch };
}

async function person(cloud: TestCloud, region: string, address: string): Promise<Participant> {
  const participant = createParticipant({
    token: await cloud.token('summit', region),
    // Any node answers: sha's, too, and for everyone. It is there to the end.
    frontDoors: [cloud.at('sha').url],
    publish: ['microphone', 'camera'],
    bindAddress: address,
    rejoinSeconds: 30,
  });
  ends.push(() => participant.leave());
  return participant;
}

async function join(cloud: TestCloud, region: string, address: string): Promise<Participant> {
  const participant = await person(cloud, region, address);
  expect(await participant.join()).toEqual({ ok: true, value: 'joined' });
  return participant;
}

async function everyoneHears(...people: Participant[]): Promise<void> {
  for (const listener of people) {
    for (const speaker of people) if (speaker !== listener) await hears(listener, speaker);
  }
}

async function allAt(datacenter: string, ...people: Participant[]): Promise<void> {
  const seated = () => people.every((one) => one.client.status === 'joined' && seatOf(one) === datacenter);
  await waitFor(`everyone at ${datacenter}`, seated, 30_000);
}

/** Nothing of `ann`'s ever was at sha, and nothing came there by a pipe. */
const assertOutside = (watch: RouterWatch): Promise<void> => expectOutside(watch, 'sha', [ANN], [CHEN, WEI]);

describe('no packet of us enters a router of sha', () => {
  it('while a room of us and cn is on hkg', async () => {
    const { cloud, watch } = await cloudOf('hkg', 'sha');
    const ann = await join(cloud, 'us', ANN);
    const chen = await join(cloud, 'cn', CHEN);
    expect([ann, chen].map(seatOf)).toEqual(['hkg', 'hkg']);
    await everyoneHears(ann, chen);
    await assertOutside(watch);
    expect(watch.producers('sha')).toEqual([]);
  }, 60_000);

  it('when a room on sha moves to hkg for her, meets on sjc once hkg is gone, and then has no place for her', async () => {
    const { cloud, watch } = await cloudOf('hkg', 'sha');
    const chen = await join(cloud, 'cn', CHEN);
    const wei = await join(cloud, 'cn', WEI);
    await everyoneHears(chen, wei);
    expect([chen, wei].map(seatOf)).toEqual(['sha', 'sha']);
    await seesMedia(watch, () => watch.producers('sha'), 2);

    const ann = await join(cloud, 'us', ANN);
    await allAt('hkg', ann, chen, wei);
    await everyoneHears(ann, chen, wei);
    await assertOutside(watch);

    // In both routes, and the only one left.
    await cloud.start('sjc');
    await cloud.stop('hkg');
    await allAt('sjc', ann, chen, wei);
    await everyoneHears(ann, chen, wei);
    await assertOutside(watch);

    await cloud.stop('sjc');
    await allAt('sha', chen, wei);
    await everyoneHears(chen, wei);
    const late = await person(cloud, 'us', '127.0.1.2');
    expect(await late.join()).toMatchObject({ ok: false, problem: { code: 'no_datacenter_up' } });
    expect(seatOf(ann)).toBe(undefined);
    await assertOutside(watch);
  }, 120_000);
});
