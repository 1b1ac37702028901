// A node that does nothing, run by what runs real ones. Its argument says how it behaves.
import { register } from 'tsx/esm/api';

register();
const { runUntilSignalled } = await import('../node-process.ts');
const { loadNodeConfig } = await import('../../config/load.ts');

const behaviour = process.argv[2];
const config = loadNodeConfig({ file: new URL('../../../config/node.yaml', import.meta.url).pathname });
const idle = setInterval(() => {}, 1000);

async function close() {
  if (behaviour === 'hangs') await new Promise(() => {});
  if (behaviour === 'fails') throw new Error('a worker would not end');
  clearInterval(idle);
}

async function run() {
  if (behaviour === 'rejects at its start') {
    void Promise.reject(new Error('left alone'));
    await new Promise(() => {});
  }
  if (behaviour === 'rejects') setTimeout(() => Promise.reject(new Error('left alone')), 50);
  if (behaviour === 'throws') {
    const fail = () => {
      throw new Error('not caught');
    };
    setTimeout(fail, 50);
  }
  if (behaviour === 'busy') throw Object.assign(new Error('listen'), { code: 'EADDRINUSE', port: 4433 });
  if (behaviour === 'broken') throw new Error('the policy has no datacenter "local"');
  return {
    url: 'http://localhost:4433',
    datacenter: 'local',
    region: 'home',
    policy: { version: 3, digest: 'sha256:00ff' },
    worker: { version: '3.27.1', origin: 'native', judgesAddresses: behaviour !== 'unjudged' },
    defect: (kind, { message }) => process.stdout.write(`${kind}: ${message}\n`),
    async drain() {
      if (behaviour === 'throws') process.stdout.write('draining\n');
      if (behaviour !== 'busy calls') return;
      process.stdout.write('draining\n');
      await new Promise(() => {});
    },
    occupancy: () => ({ rooms: 0, sessions: 0 }),
    close,
  };
}

await runUntilSignalled(config, run, undefined, 1500);
