import { pino } from 'pino';
import { expect, test } from 'vitest';
import { startEngine, TestGate, until } from './testing/fixture.ts';
import { CAPABILITIES } from './testing/test-track.ts';

test('a producer closes with its consumers, and nothing is logged of it', async () => {
  const lines: string[] = [];
  const logger = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
  const engine = await startEngine({}, { logger });
  try {
    const room = await engine.openRoom('room', { lastN: null, gate: new TestGate() });
    const ann = room.addPeer('ann');
    const { transportId } = await ann.createTransport('send');
    const told: string[] = [];
    for (const name of ['bob', 'cec']) {
      const peer = room.addPeer(name);
      peer.on('consumersCreated', (consumers) => told.push(...consumers.map(() => `${name} has`)));
      peer.on('consumerClosed', () => told.push(`${name} has not`));
      peer.setReceiveCapabilities(CAPABILITIES);
      await peer.createTransport('receive');
    }
    const rtpParameters = {
      codecs: [{ mimeType: 'audio/opus', payloadType: 111, clockRate: 48_000, channels: 2 }],
      encodings: [{ ssrc: 1 }],
    };
    for (let time = 0; time < 2; time++) {
      told.length = 0;
      const { producerId } = await ann.produce({
        transportId,
        kind: 'audio',
        source: 'microphone',
        rtpParameters,
      });
      await until('both have it', () => told.length === 2);
      ann.closeProducer(producerId);
      expect(told.slice(2).sort()).toEqual(['bob has not', 'cec has not']);
      // Once the worker has answered this it has done what came before.
      await ann.getStats();
    }
    expect(lines).toEqual([]);
  } finally {
    await engine.close();
  }
});
