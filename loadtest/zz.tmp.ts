import { cleanup } from 'node-datachannel';
import { startLocalNode } from './testing/local-node.ts';
import { createParticipant } from './participant/participant.ts';
const node = await startLocalNode();
const a = createParticipant({ token: await node.token({ room: 'g' }), frontDoors: [node.url], publish: ['microphone'] });
await a.join(); await new Promise(r=>setTimeout(r,1000));
const t=performance.now();
await a.leave(); await node.close();
console.log('left', performance.now()-t);
if (process.argv[2]) { cleanup(); console.log('cleaned', performance.now()-t); }
process.on('exit', () => console.log('exit', performance.now()-t));
