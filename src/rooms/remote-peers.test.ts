import { expect, it } from 'vitest';
import { DecisionsTold } from '../cluster/federation/decisions-told.ts';
import type { MemberState, SharedState } from '../cluster/federation/messages.ts';
import type { RemoteNode } from '../cluster/federation/types.ts';
import type { RemoteProducer } from '../media/types.ts';
import { RemotePeers } from './remote-peers.ts';
import { RoomRules } from './room-rules.ts';
import { remoteProducer } from './testing/remote-producer.ts';

const NODE: RemoteNode = { id: 'node-hkg', datacenter: 'hkg', region: 'hk', link: 'hkg:1' };
const OTHER: RemoteNode = { id: 'node-sha', datacenter: 'sha', region: 'cn', link: 'sha:1' };

function member(producers: RemoteProducer[], regions: string[] | null = null): MemberState {
  return {
    peerId: 'chen',
    displayName: 'Chen',
    role: 'participant',
    label: { home: 'cn', evidence: ['cn'], regions },
    producers,
  };
}

function setUp() {
  const said: string[] = [];
  const peers = new RemotePeers({
    tell: ({ event, body }) => {
      const { data } = JSON.parse(`{${body}}`);
      said.push(
        [event, data.peer?.peerId ?? data.peerId, data.producerId ?? data.producer?.producerId]
          .filter((word) => word !== undefined)
          .join(' '),
      );
    },
    addRemote: (remote) => {
      said.push(`+ ${remote.producerId}`);
      return {
        update: (changed) => said.push(`~ ${changed.producerId} ${changed.router}`),
        close: () => said.push(`- ${remote.producerId}`),
      };
    },
    source: ({ id }) => ({
      node: id,
      open: () => Promise.reject(new Error('no media here')),
      release: () => {},
      wanted: () => {},
    }),
    rejudge: (peerId) => said.push(`rejudge ${peerId}`),
  });
  return { peers, said };
}

it('members come, change what they publish, and go: the members here are told the difference', () => {
  const { peers, said } = setUp();
  peers.upsert(NODE, member([remoteProducer('cam')]));
  peers.upsert(
    NODE,
    member([remoteProducer('cam', { paused: true, pausedBy: 'publisher' }), remoteProducer('mic')]),
  );
  peers.upsert(NODE, member([remoteProducer('mic', { router: 'router-2' })]));
  peers.gone(NODE, 'chen', 'moved');
  expect(said).toEqual([
    'peerJoined chen',
    '+ cam',
    '~ cam router-1',
    'producerUpdated chen cam',
    'producerAdded chen mic',
    '+ mic',
    '- cam',
    'producerRemoved chen cam',
    '~ mic router-2',
    '- mic',
    'peerLeft chen',
  ]);
  expect(peers.size).toBe(0);
});

it('a peer is its own node’s: another that names it changes nothing, whatever its own id is', () => {
  const { peers, said } = setUp();
  peers.upsert(NODE, member([]));
  for (const node of [OTHER, { ...OTHER, id: NODE.id }]) {
    peers.upsert(node, { ...member([remoteProducer('cam')]), displayName: 'somebody else' });
    peers.chat(node, 'chen', { messageId: 'm', at: 1, text: 'forged' });
    peers.gone(node, 'chen', 'left');
  }
  expect(said).toEqual(['peerJoined chen']);
  expect(peers.infos()[0]).toMatchObject({ displayName: 'Chen', datacenter: 'hkg', region: 'hk' });
  expect(peers.nodeOf('chen')).toBe('hkg/node-hkg');
});

it('a changed label is judged before anything else of the change', () => {
  const { peers, said } = setUp();
  peers.upsert(NODE, member([remoteProducer('cam')]));
  said.length = 0;
  peers.upsert(NODE, member([remoteProducer('cam'), remoteProducer('mic')], ['hk']));
  expect(said[0]).toBe('rejudge chen');
});

it('nobody speaks who is not known', () => {
  const { peers, said } = setUp();
  peers.chat(NODE, 'chen', { messageId: 'm', at: 1, text: 'hello' });
  expect(said).toEqual([]);
});

it('of two decisions about a lock the later counts, of two at once the stricter; a removal and an end stay', () => {
  const [here, there] = [new RoomRules(), new RoomRules()];
  const everything = (rules: RoomRules): SharedState => {
    const { decisions } = rules;
    const people = new DecisionsTold().fresh(decisions, () => true);
    return { ...rules.state(null), ...people, outgrown: [] };
  };
  here.lock(true);
  expect(there.merge(everything(here), [])).toBe(true);
  there.lock(false);
  here.merge(everything(there), []);
  expect([here.locked, there.locked]).toEqual([false, false]);
  here.lock(true);
  there.keepOut('sub:bob', { home: 'us', evidence: ['us'], regions: null });
  const states = [everything(here), everything(there)] as const;
  here.merge(states[1], []);
  there.merge(states[0], []);
  expect([here.locked, there.locked]).toEqual([true, true]);
  expect(here.keepsOut('sub:bob')).toBe(true);
  expect(here.keepsOut('sub:ann')).toBe(false);
  there.end();
  here.merge(everything(there), []);
  expect(here.ended).toBe(true);
  // No identity is told in the clear, nor without the labels of all it was seen by.
  there.keepOut('sub:bob', { home: 'hk', evidence: ['hk'], regions: ['hk', 'us'] });
  expect(everything(there).keptOut).toMatchObject([
    { label: { evidence: ['hk', 'us'], regions: ['hk', 'us'] }, hashes: [expect.any(String)] },
  ]);
  expect(JSON.stringify(everything(there))).not.toContain('bob');
});
