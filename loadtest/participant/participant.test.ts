import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { TestNode } from '../../src/e2e/harness/node.ts';
import { waitFor } from '../../src/e2e/harness/wait.ts';
import { startLocalNode } from '../testing/local-node.ts';
import { createParticipant, type Participant, type ParticipantOptions } from './participant.ts';

let node: TestNode;
const participants: Participant[] = [];

beforeEach(async () => {
  node = await startLocalNode();
});
afterEach(async () => {
  await Promise.all(participants.splice(0).map((participant) => participant.leave()));
  await node.close();
});

async function join(options: Partial<ParticipantOptions> = {}): Promise<Participant> {
  const token = await node.token({ room: 'garden' });
  const participant = createParticipant({ token, frontDoors: [node.url], ...options });
  participants.push(participant);
  const problems: unknown[] = [];
  participant.client.on('problem', (p) => problems.push(p));
  expect(await participant.join()).toEqual({ ok: true, value: 'joined' });
  return participant;
}

describe('synthetic participants at a node', () => {
  test('exchange stamped Opus and VP8, both ways', async () => {
    const ada = await join({ displayName: 'Ada', publish: ['microphone', 'camera'] });
    const bea = await join({ displayName: 'Bea', publish: ['microphone', 'camera'] });
    for (const participant of [ada, bea]) {
      await waitFor('media from the other', async () => {
        const { received } = await participant.stats();
        return received.length === 2 && received.every(({ stamped }) => stamped >= 50);
      });
      const { received } = await participant.stats();
      const camera = received.find(({ source }) => source === 'camera');
      expect(camera?.keyFrames).toBeGreaterThan(0);
      expect(camera?.latency?.p50).toBeLessThan(1000);
    }
  });
});
