import type { Device } from 'mediasoup-client';
import type { Producer } from 'mediasoup-client/types';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SyntheticTrack } from '../../loadtest/participant/synthetic-track.ts';
import { waitFor } from '../testing/wait.ts';
import { Publications } from './publications.ts';
import { fakeDevice } from './testing/fake-device.ts';
import { FakeLink } from './testing/fake-link.ts';
import { transportOf } from './testing/scripted-room.ts';
import { TransportLeg } from './transport-leg.ts';

let link: FakeLink;
let leg: TransportLeg;
let publications: Publications;
let device: Device;
beforeEach(async () => {
  ({ device } = await fakeDevice());
  link = new FakeLink();
  publications = new Publications(link);
  leg = new TransportLeg('send', device, link, true);
  leg.on('opened', (transport) => publications.attach(device, transport));
  leg.replace();
  link.answer('createTransport', transportOf('send'));
  await waitFor('the transport', () => leg.transport !== null);
});
afterEach(() => {
  leg.close();
  publications.close();
});

/** Answers until the microphone that is being published is. */
async function answerPublishing(): Promise<void> {
  await waitFor('connecting', () => link.asked.includes('connectTransport'));
  link.answer('connectTransport', {});
  await waitFor('producing', () => link.asked.includes('produce'));
  link.answer('produce', { producerId: 'microphone-1' });
}

test('a track that takes the place of another while that is being published is what is sent', async () => {
  const producers: Producer[] = [];
  leg.transport?.observer.on('newproducer', (producer) => producers.push(producer));
  const [first, second] = [new SyntheticTrack({ kind: 'audio' }), new SyntheticTrack({ kind: 'audio' })];
  const published = publications.publish(first, { source: 'microphone' });
  await waitFor('connecting', () => link.asked.includes('connectTransport'));
  await publications.replaceTrack('microphone', second);
  await answerPublishing();
  expect((await published).track).toBe(second);
  expect(producers.map(({ track }) => track?.id)).toEqual([second.id]);
  expect(first.readyState).toBe('ended');
});

test("a host's mute that crosses an unmute stays, and the node hears of it", async () => {
  const published = publications.publish(new SyntheticTrack({ kind: 'audio' }), { source: 'microphone' });
  await answerPublishing();
  await published;
  publications.onMuted('microphone-1');
  const unmuted = publications.setPaused('microphone', false);
  publications.onMuted('microphone-1');
  link.answer('resumeProducer', {});
  await waitFor('pausing', () => link.asked.includes('pauseProducer'));
  link.answer('pauseProducer', {});
  await unmuted;
  expect(publications.all().map(({ pausedBy }) => pausedBy)).toEqual(['host']);
});
