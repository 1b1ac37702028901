import { openSync, readFileSync, writeSync } from 'node:fs';
import { loadNodeConfig } from '../../../src/config/load.ts';
import { runNode } from '../../../src/main.ts';
import { createLogger } from '../../../src/observability/logger.ts';
import { DEVELOPMENT_ISSUER } from '../../../src/tokens/development.ts';
import { issueJoinToken } from '../../../src/tokens/issue.ts';
import { generateSigningKey } from '../../../src/tokens/keys.ts';
import { type FromNode, type Homes, toNodeSchema } from './switch-messages.ts';

/** A whole node in a process of its own, which watches its own event loop. Told what to do over IPC. */
const [config = ''] = process.argv.slice(2);
const sink = openSync('/dev/null', 'w');
const key = generateSigningKey();
const say = (message: FromNode): void => void process.send?.(message);

let switches = 0;
const logger = await createLogger({
  level: 'info',
  pretty: false,
  // Records are written, as they are anywhere; and read on their way.
  stream: {
    write(line) {
      writeSync(sink, line);
      if (line.includes('"step":"switch"')) switches += 1;
      if (line.includes('"policy switched"')) say({ kind: 'switched' });
      if (line.includes('"policy refused"')) throw new Error(line);
    },
  },
});

/** ms that this thread was on a processor; the kernel counts in steps of up to 4 ms. */
const onProcessor = () => Number(readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ')[0]) / 1e6;
let last = { wall: 0, cpu: 0 };
let longest = { wall: 0, cpu: 0 };
const tick = (): void => {
  const now = { wall: performance.now(), cpu: onProcessor() };
  longest = {
    wall: Math.max(longest.wall, now.wall - last.wall),
    cpu: Math.max(longest.cpu, now.cpu - last.cpu),
  };
  last = now;
};
let timer: NodeJS.Timeout | null = null;

async function tokens(homes: Homes): Promise<string[]> {
  const issuer = { issuer: DEVELOPMENT_ISSUER, cloud: homes.cloud, key };
  return Promise.all(
    homes.regions.map((region, i) =>
      issueJoinToken(
        issuer,
        { room: `room-${Math.floor(i / 10)}`, role: 'participant', region },
        { ttlSeconds: 3600 },
      ),
    ),
  );
}

const node = await runNode(loadNodeConfig({ file: config }), { logger, developmentKey: key });
process.on('message', async (raw) => {
  const message = toNodeSchema.parse(raw);
  switch (message.kind) {
    case 'tokens':
      say({ kind: 'tokens', tokens: await tokens(message) });
      return;
    case 'watch':
      switches = 0;
      last = { wall: performance.now(), cpu: onProcessor() };
      longest = { wall: 0, cpu: 0 };
      timer = setInterval(tick, 1);
      say({ kind: 'watching' });
      return;
    case 'report':
      tick();
      if (timer !== null) clearInterval(timer);
      say({ kind: 'report', ...longest, judged: switches });
      return;
    case 'end':
      await node.close();
      process.disconnect();
  }
});
say({ kind: 'ready', url: node.url });
