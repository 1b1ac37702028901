import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../media/testing/fixture.ts';
import type { TestPeer } from '../media/testing/test-peer.ts';
import { TransportWatch } from '../media/testing/transport-watch.ts';
import { TestNode } from '../media/testing/two-nodes.ts';
import type { MediaGate } from '../media/types.ts';
import type { Label } from '../policy/model.ts';
import { createGate } from './gate.ts';
import { locator, withFence, withPolicy, zoom2020 } from './testing/door.ts';
import { type LinkedNode, TestCloud } from './testing/linked-nodes.ts';

/** Everything is real here: workers, participants, SRTP pipes, links with certificates, policy and gates. */
const US: Label = { home: 'us', evidence: ['us'], regions: null };
const CN: Label = { home: 'cn', evidence: ['cn'], regions: null };
const ROOM = 'room-key-of-22-letters';
const ADDRESSES = { sjc: '127.0.0.1', hkg: '127.0.0.2', sha: '127.0.0.3' } as const;
const watch = new TransportWatch();
const media = new Map<string, TestNode>();
let cloud: TestCloud;
/** By peer, wherever it sits: what federation would have told everybody. */
let labels: Record<string, Label>;
/** A node's own checks, which a test may take away. */
let unguarded: string[];

beforeAll(async () => {
  for (const [datacenter, ip] of Object.entries(ADDRESSES)) {
    media.set(datacenter, await TestNode.start(`node-${datacenter}`, datacenter, ip));
  }
});
afterAll(async () => {
  for (const { engine } of media.values()) await engine.close();
  watch.close();
});
afterEach(async () => {
  for (const node of media.values()) node.clear();
  await cloud.close();
});

interface Node {
  readonly at: TestNode;
  readonly linked: LinkedNode;
}

async function start(): Promise<Record<keyof typeof ADDRESSES, Node>> {
  cloud = new TestCloud();
  labels = { ann: US, bob: US, cec: CN };
  unguarded = [];
  return { sjc: await node('sjc'), hkg: await node('hkg'), sha: await node('sha') };
}

async function node(datacenter: keyof typeof ADDRESSES): Promise<Node> {
  const at = media.get(datacenter);
  if (!at) throw new Error('no engine');
  const linked = await cloud.start(at.name, datacenter);
  const gate = createGate(
    {
      datacenter,
      policy: () => linked.policy,
      locator,
      decisions: { record: (d) => linked.decisions.push(d) },
    },
    { roomId: 'room', label: (peerId) => labels[peerId], onLabel: () => {} },
  );
  await at.open(
    null,
    sometimes(gate, () => unguarded.includes(datacenter)),
  );
  linked.pipes.attach(ROOM, at.room, (peerId) => labels[peerId]);
  return { at, linked };
}

/** The gate, or none at all. */
function sometimes(gate: MediaGate, off: () => boolean): MediaGate {
  return {
    assertTransport: (peerId) => off() || gate.assertTransport(peerId),
    assertProduce: (peerId) => off() || gate.assertProduce(peerId),
    assertConsume: (a, b) => off() || gate.assertConsume(a, b),
    assertAddress: (peerId, address) => off() || gate.assertAddress(peerId, address),
    assertPipe: (peerId, there) => off() || gate.assertPipe(peerId, there),
  };
}

/** A producer of one node's is made known at another, as federation does. */
function tell(from: Node, to: Node, producerId: string) {
  const described = from.at.room.describe(producerId);
  if (!described) throw new Error('not described');
  const source = to.linked.pipes.sourceFor(ROOM, from.linked.target, (peerId) => labels[peerId]);
  return to.at.room.addRemote(described, source);
}

const hears = (peer: TestPeer) => peer.count('ann', 'microphone');

async function call(): Promise<
  Record<keyof typeof ADDRESSES, Node> & { ann: TestPeer; bob: TestPeer; producerId: string }
> {
  const nodes = await start();
  const ann = nodes.sjc.at.join('ann');
  const [producerId = ''] = await ann.publish([{ source: 'microphone' }]);
  tell(nodes.sjc, nodes.hkg, producerId);
  const bob = nodes.hkg.at.join('bob');
  await bob.subscribe();
  await until('bob hears ann', () => hears(bob) > 5);
  return { ...nodes, ann, bob, producerId };
}

describe('media on leases', () => {
  test('goes on while the link is down for less than 30 s, and comes back after more', async () => {
    const { sjc, hkg, bob } = await call();
    expect([sjc.linked.pipes.stats(), hkg.linked.pipes.stats()]).toEqual([
      { out: 1, in: 0 },
      { out: 0, in: 1 },
    ]);
    hkg.linked.cut();
    cloud.clock += 29_000;
    const cut = hears(bob);
    await until('media without a link', () => hears(bob) > cut + 20);
    hkg.linked.mend();
    cloud.clock += 1000;
    await until('a link again', () => hkg.linked.links.up().length === 1);
    // Messages of a link are in order: the lease was renewed before this is answered.
    await expect(hkg.linked.links.up()[0]?.request('a request behind it', {})).rejects.toThrow();
    cloud.clock += 15_000;
    const back = hears(bob);
    await until('media', () => hears(bob) > back + 20);
    expect(bob.seen('consumerClosed')).toEqual([]);

    hkg.linked.cut();
    cloud.clock += 30_001;
    await until('the sender has stopped', () => watch.open(ADDRESSES.sjc).length === 0);
    await until('and so has the receiver', () => bob.seen('consumerClosed').length === 1);
    hkg.linked.mend();
    const closed = hears(bob);
    await until('bob hears ann again', () => hears(bob) > closed + 5);
  });

  test('ends where the policy is switched, at once', async () => {
    const { sjc, bob } = await call();
    sjc.linked.policy = withPolicy(zoom2020(), { closed: ['hkg'], version: 13 });
    sjc.linked.pipes.rejudge();
    expect(sjc.at.room.pipesOut()).toEqual([]);
    expect(watch.open(ADDRESSES.sjc)).toEqual([]);
    await until('bob lost it', () => bob.consumers.size === 0);
    sjc.linked.policy = zoom2020();
    const closed = hears(bob);
    await until('bob hears ann again', () => hears(bob) > closed + 5);
  });
});

describe('what ann of us says never enters a router of sha', () => {
  /** cec of cn at sha is told of ann's producer by a federation that should not have; waits until it was tried. */
  async function tried(nodes: Record<keyof typeof ADDRESSES, Node>, refusedAt: Node): Promise<void> {
    const { sjc, sha } = nodes;
    const made = watch.made(ADDRESSES.sjc);
    const ann = sjc.at.join('ann');
    const [producerId = ''] = await ann.publish([{ source: 'microphone' }]);
    tell(sjc, sha, producerId);
    const cec = sha.at.join('cec');
    await cec.subscribe();
    await until('it was refused', () =>
      refusedAt.linked.decisions.some(({ kind, home }) => kind === 'refuse' && home === 'us'),
    );
    const ticks = ann.tick;
    await until('many packets later', () => ann.tick > ticks + 30);
    // By the worker's own count, whoever may have sent them; and there never was anything to send them from.
    expect(await watch.received(ADDRESSES.sha)).toBe(0);
    expect(watch.made(ADDRESSES.sjc)).toBe(made);
    expect(sjc.at.room.pipesOut()).toEqual([]);
    expect(cec.consumers.size).toBe(0);
  }

  test('all layers stand: sha does not ask', async () => {
    const nodes = await start();
    await tried(nodes, nodes.sha);
    expect(nodes.sjc.linked.decisions.some(({ step }) => step === 'pipe')).toBe(false);
  });

  test('sha checks nothing: sjc refuses, by the certificate', async () => {
    const nodes = await start();
    unguarded.push('sha');
    nodes.sha.linked.policy = open('cn');
    await tried(nodes, nodes.sjc);
  });

  test('sjc checks nothing: sha does not ask', async () => {
    const nodes = await start();
    unguarded.push('sjc');
    nodes.sjc.linked.policy = open('cn');
    await tried(nodes, nodes.sha);
  });

  test("sha checks nothing, and sjc's leases neither: its media gate refuses", async () => {
    const nodes = await start();
    unguarded.push('sha');
    nodes.sha.linked.policy = open('cn');
    // The gate of media reads the policy that stands; what judges leases is shown another.
    const closed = nodes.sjc.linked.policy;
    nodes.sjc.linked.leasePolicy = () => open('cn');
    expect(nodes.sjc.linked.policy).toBe(closed);
    await tried(nodes, nodes.sjc);
  });
});

/** The policy of somebody who tore down the fence of a region. */
const open = (region: string) => withFence(zoom2020(), region, 'any');
