import { Crowd } from './crowd.ts';
import type { MediaEngine } from './engine.ts';
import { javascriptEngine } from './javascript-engine.ts';
import { type News, orderSchema } from './messages.ts';
import { nativeEngine } from './native-engine.ts';
import { Relay } from './relay.ts';

/** Longest goodbye, in ms. */
const GOODBYE = 5000;

/**
 * Plays participants as the parent process orders, and ends with it. `LOADTEST_RELAY` (a seed) leads all media
 * through a relay that can be told to do harm.
 */
export async function runAgent(): Promise<void> {
  let broken = (_error: Error): void => undefined;
  const engine = await engineOf((error) => broken(error));
  const seed = process.env.LOADTEST_RELAY;
  const relay = seed === undefined ? null : new Relay(Number(seed));
  const tell = (news: News): void => {
    if (process.connected) process.send?.(news);
  };
  const crowd = new Crowd({
    engine,
    tell,
    ...(relay !== null && { relay }),
  });
  let ending = false;
  const end = async (): Promise<void> => {
    if (ending) return;
    ending = true;
    // Whatever hangs (a node that does not answer) must not keep this process.
    setTimeout(() => process.exit(0), GOODBYE).unref();
    await crowd.close();
    relay?.close();
    await engine.close();
    process.disconnect?.();
    process.exit(0);
  };
  // A terminal's Ctrl-C goes to the whole group; the coordinator decides what becomes of it.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => void end());
  broken = (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  };
  process.on('disconnect', () => void end());
  process.on('message', (message) => {
    const order = orderSchema.parse(message);
    switch (order.type) {
      case 'join':
        return void crowd.join(order.member);
      case 'leave':
        return void crowd.leave(order.n);
      case 'read':
        return void crowd.read().then(tell);
      case 'impair':
        return relay?.impair(order.impairment, order.region);
      case 'end':
        return void end();
    }
  });
  tell({ type: 'ready', engine: engine.name, generatorPid: engine.pid });
}

/** The native engine, or the one that runs everywhere where that cannot be built; `LOADTEST_ENGINE` chooses. */
async function engineOf(onDied: (error: Error) => void): Promise<MediaEngine> {
  if (process.env.LOADTEST_ENGINE === 'javascript') return javascriptEngine();
  try {
    return await nativeEngine(onDied);
  } catch (error) {
    process.stderr.write(`the native generator is not to be had: ${error}\n`);
    return javascriptEngine();
  }
}
