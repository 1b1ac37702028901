import { expect, test } from 'vitest';
import { waitFor } from '../testing/wait.ts';
import { ClientError, problemOfCatalogue } from './problem.ts';
import { fakeDevice } from './testing/fake-device.ts';
import { FakeLink } from './testing/fake-link.ts';
import { transportOf } from './testing/scripted-room.ts';
import { TransportLeg } from './transport-leg.ts';

/** A leg whose transport has been connected, and is being restarted. */
async function restarting() {
  const { device, setState } = await fakeDevice();
  const link = new FakeLink();
  const leg = new TransportLeg('receive', device, link, true);
  const problems: string[] = [];
  leg.on('failed', ({ code }) => problems.push(code));
  leg.replace();
  link.answer('createTransport', transportOf('first'));
  await waitFor('the first transport', () => leg.transport !== null);
  setState('connected');
  setState('failed');
  await waitFor('a restart', () => link.asked.includes('restartIce'));
  return { leg, link, problems };
}

test('a transport that the node closed while it was being restarted is replaced', async () => {
  const { leg, link, problems } = await restarting();
  // What happens after an outage: the restart waited for the socket, and is answered behind what was missed.
  leg.replace();
  link.fail('restartIce', new ClientError(problemOfCatalogue('not_found')));
  await waitFor('another is asked for', () => link.asked.at(-1) === 'createTransport');
  link.answer('createTransport', transportOf('second'));
  await waitFor('the second transport', () => leg.transport?.id === 'second');
  expect(link.asked).toEqual(['createTransport', 'restartIce', 'createTransport']);
  expect(problems).toEqual([]);
  leg.close();
});

test('one transport is asked for, however often the node says that it is gone meanwhile', async () => {
  const { leg, link } = await restarting();
  link.fail('restartIce', new ClientError(problemOfCatalogue('not_found')));
  await waitFor('another is asked for', () => link.asked.at(-1) === 'createTransport');
  leg.replace();
  link.answer('createTransport', transportOf('second'));
  await waitFor('the second transport', () => leg.transport?.id === 'second');
  expect(link.asked).toEqual(['createTransport', 'restartIce', 'createTransport']);
  leg.close();
});
