import fc from 'fast-check';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { randomFrom } from '../../../loadtest/measure/random.ts';
import { allowedForLabel } from '../../policy/allowed.ts';
import { World } from './testing/world.ts';

/**
 * T2 for what nodes tell each other, sampled: whatever is joined, left, cut, killed, forgotten or forged, in
 * whatever order, nobody is known at a datacenter that their label does not admit them to; and when things have
 * calmed down, everyone who may be known is.
 */
const SITES = ['sjc', 'hkg', 'sha', 'fra'] as const;
const PEERS = ['a', 'b', 'c', 'd'] as const;
const REGIONS = ['us', 'eu', 'hk', 'cn'] as const;

type Step =
  | { kind: 'enter'; peer: string; region: string; at: string; evidence: string }
  | { kind: 'leave' | 'kill'; at: string; peer: string }
  | { kind: 'cut'; at: string; to: string }
  | { kind: 'mend' | 'registryDown' | 'registryUp' | 'forget' | 'restate' }
  | { kind: 'forge'; at: string; region: string }
  | { kind: 'pass'; ms: number };

const site = fc.constantFrom(...SITES);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('enter' as const),
      peer: fc.constantFrom(...PEERS),
      region: fc.constantFrom(...REGIONS),
      evidence: fc.constantFrom(...REGIONS),
      at: site,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('leave' as const), peer: fc.constantFrom(...PEERS), at: site }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('kill' as const), peer: fc.constant(''), at: site }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cut' as const), at: site, to: site }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'mend' as const,
        'registryDown' as const,
        'registryUp' as const,
        'forget' as const,
        'restate' as const,
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('forge' as const),
      at: site,
      region: fc.constantFrom(...REGIONS),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('pass' as const),
      ms: fc.constantFrom(1, 50, 700, 4000, 20_000),
    }),
  },
);

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

it('nobody is ever known where they may not be; at rest, everyone is known who may be', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 24 }), async (steps) => {
      const world = new World(SITES);
      try {
        for (const one of steps) {
          await take(world, one);
          expect(world.leaks()).toEqual([]);
        }
        world.registry.down = false;
        world.network.mend();
        for (const node of world.nodes.values()) node.federation.restate();
        for (let n = 0; n < 40; n++) {
          await vi.advanceTimersByTimeAsync(500);
          expect(world.leaks()).toEqual([]);
        }
        expect(unknown(world)).toEqual([]);
      } finally {
        world.close();
      }
    }),
    { numRuns: 200 },
  );
}, 120_000);

it('three hundred over three nodes agree again once links that dropped are back; nobody is left over', async () => {
  const sites = ['sjc', 'iad', 'fra'];
  const world = new World(sites);
  const random = randomFrom(300);
  const at = () => sites[Math.floor(random() * sites.length)] ?? 'sjc';
  const homeOf = (site: string) => (site === 'fra' ? 'eu' : 'us');
  const here = new Map<string, string>();
  try {
    for (let n = 0; n < 300; n += 1) {
      const site = at();
      void world.enter(`p${n}`, homeOf(site), site);
      here.set(`p${n}`, site);
      if (n % 10 === 0) await vi.advanceTimersByTimeAsync(50);
    }
    await vi.advanceTimersByTimeAsync(10_000);
    for (let round = 0; round < 6; round += 1) {
      const [a, b] = [at(), at()];
      if (a !== b) world.cut(a, b);
      // People come and go while nodes cannot tell each other.
      for (const [peer, site] of [...here].filter(() => random() < 0.1)) {
        world.leave(peer, site);
        here.delete(peer);
        const next = `${peer}r${round}`;
        void world.enter(next, homeOf(site), site);
        here.set(next, site);
      }
      await vi.advanceTimersByTimeAsync(Math.floor(random() * 25_000));
      world.network.mend();
      await vi.advanceTimersByTimeAsync(Math.floor(random() * 5000));
    }
    await vi.advanceTimersByTimeAsync(30_000);
    for (const site of sites) expect(world.seenAt(site)).toEqual([...here.keys()].sort());
  } finally {
    world.close();
  }
}, 60_000);

async function take(world: World, step: Step): Promise<void> {
  switch (step.kind) {
    case 'enter': {
      if (joined(world, step.peer) !== undefined) return;
      const node = world.at(step.at);
      const label = {
        home: step.region,
        evidence: [...new Set([step.region, step.evidence])].sort(),
        regions: null,
      };
      // The door has admitted it: a label that the node may not serve never comes as far as the room.
      if (!node.alive || !allowedForLabel(node.policy, label, step.at)) return;
      // Peer ids are random, and a new one each time.
      void world.enter(`${step.peer}${world.decisions.length}`, step.region, step.at, { label });
      await vi.advanceTimersByTimeAsync(1);
      return;
    }
    case 'leave': {
      const [peerId, at] = joined(world, step.peer) ?? [];
      if (peerId !== undefined && at !== undefined) world.leave(peerId, at);
      return;
    }
    case 'kill':
      world.kill(step.at);
      return;
    case 'cut':
      if (step.at !== step.to) world.cut(step.at, step.to);
      return;
    case 'mend':
      world.network.mend();
      return;
    case 'registryDown':
      world.registry.down = true;
      return;
    case 'registryUp':
      world.registry.down = false;
      return;
    case 'forget':
      world.registry.records.clear();
      return;
    case 'restate':
      for (const node of world.nodes.values()) node.federation.restate();
      return;
    case 'forge': {
      const forged = { home: step.region, evidence: [step.region], regions: null, count: 1 };
      const host = { node: `node-${step.at}`, nodeEpoch: 1, datacenter: step.at, members: [forged] };
      for (const [key, record] of world.registry.records) {
        world.registry.records.set(key, {
          ...record,
          epoch: record.epoch + 7,
          hosts: [...record.hosts, host],
        });
      }
      return;
    }
    case 'pass':
      await vi.advanceTimersByTimeAsync(step.ms);
  }
}

/** The peer by which somebody is in the room now, and where; also while it is entering. */
function joined(world: World, who: string): [peerId: string, at: string] | undefined {
  for (const { room, datacenter } of world.nodes.values()) {
    for (const { peerId } of room.places()) if (peerId.startsWith(who)) return [peerId, datacenter];
  }
  return undefined;
}

/** Members who are not known at a living node that has members too and may know them. */
function unknown(world: World): string[] {
  const living = [...world.nodes.values()].filter(({ alive }) => alive);
  return living.flatMap(({ room, datacenter, policy }) =>
    living.flatMap((other) =>
      [...other.room.seated.entries()].flatMap(([peerId, { label }]) => {
        const may = room.seated.size > 0 && allowedForLabel(policy, label, datacenter);
        return other.datacenter !== datacenter && may && !room.known.has(peerId)
          ? [`${peerId} of ${other.datacenter} at ${datacenter}`]
          : [];
      }),
    ),
  );
}
