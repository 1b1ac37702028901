import fc from 'fast-check';
import { vi } from 'vitest';
import { allowedForLabel } from '../../../policy/allowed.ts';
import type { CompiledPolicy } from '../../../policy/compile.ts';
import { nodeKey } from '../../../policy/node-key.ts';
import { withFence, withPolicy, zoom2020 } from '../../testing/door.ts';
import type { WaitingState } from '../messages.ts';
import { World } from './world.ts';

export const SITES = ['sjc', 'hkg', 'sha', 'fra'] as const;
const SLOTS = ['a', 'b', 'c', 'd'] as const;
const REGIONS = ['us', 'eu', 'hk', 'cn'] as const;
const NARROWINGS = [null, null, null, ['us', 'hk'], ['eu', 'us']];

const base = zoom2020();
/** Nodes run them at different times, in whatever order: closed, fenced, and the fence of cn taken down. */
const POLICIES: Readonly<Record<string, CompiledPolicy>> = {
  base,
  hkgClosed: withPolicy(base, { version: 13, closed: ['hkg'] }),
  euFenced: withFence(base, 'eu', ['eu'], 13),
  hkFenced: withFence(base, 'hk', ['hk', 'cn'], 13),
  cnOpen: withFence(base, 'cn', 'any', 13),
};

const slot = fc.constantFrom(...SLOTS);
const site = fc.constantFrom(...SITES);
const region = fc.constantFrom(...REGIONS);
const is = <K extends string>(kind: K) => fc.constant(kind);
const come = { who: slot, home: region, evidence: region, at: site, regions: fc.constantFrom(...NARROWINGS) };

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: is('enter'), ...come }) },
  { weight: 2, arbitrary: fc.record({ kind: is('wait'), ...come }) },
  { weight: 1, arbitrary: fc.record({ kind: is('letInWaiting'), who: slot }) },
  { weight: 2, arbitrary: fc.record({ kind: is('leave'), who: slot }) },
  { weight: 2, arbitrary: fc.record({ kind: is('relabel'), who: slot, evidence: region }) },
  { weight: 2, arbitrary: fc.record({ kind: is('chat'), who: slot }) },
  { weight: 2, arbitrary: fc.record({ kind: is('keepOut'), who: slot }) },
  { weight: 2, arbitrary: fc.record({ kind: is('letIn'), who: slot }) },
  { weight: 3, arbitrary: fc.record({ kind: is('act'), who: slot, on: slot }) },
  { weight: 1, arbitrary: fc.record({ kind: is('move'), who: slot }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: is('switch'), at: site, policy: fc.constantFrom(...Object.keys(POLICIES)) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: is('kill'), at: site }) },
  { weight: 1, arbitrary: fc.record({ kind: is('cut'), at: site, to: site }) },
  { weight: 2, arbitrary: fc.record({ kind: is('mend') }) },
  { weight: 1, arbitrary: fc.record({ kind: is('registry'), down: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: is('forget') }) },
  { weight: 1, arbitrary: fc.record({ kind: is('restate') }) },
  { weight: 1, arbitrary: fc.record({ kind: is('forge'), at: site, home: region }) },
  { weight: 3, arbitrary: fc.record({ kind: is('pass'), ms: fc.constantFrom(1, 50, 700, 4000, 20_000) }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;
type Come = Pick<Extract<Step, { kind: 'enter' }>, 'who' | 'home' | 'evidence' | 'at' | 'regions'>;

/** What happens, in which order; and the site whose node calls itself as sha's does, if any. */
export const schedule = fc.record({
  namesake: fc.constantFrom(null, 'sjc', 'hkg', 'fra'),
  steps: fc.array(step, { minLength: 4, maxLength: 30 }),
});

interface Someone {
  readonly peerId: string;
  readonly at: string;
  readonly label: WaitingState['label'];
  readonly waits: boolean;
}

/** Plays a schedule in a world of its own. */
export class Play {
  readonly world: World;
  /** Who somebody is now; everyone who comes is somebody new to the nodes. */
  readonly #ids = new Map<string, string>();
  #count = 0;

  constructor(namesake: string | null) {
    this.world = new World(SITES, namesake === null ? {} : { sha: `node-${namesake}` });
  }

  async take(one: Step): Promise<void> {
    const { world } = this;
    switch (one.kind) {
      case 'enter':
      case 'wait':
        return this.#come(one, one.kind === 'wait');
      case 'letInWaiting': {
        const who = this.#find(one.who);
        if (who?.waits !== true) return;
        world.unwait(who.peerId, who.at);
        void world.enter(who.peerId, who.label.home, who.at, { label: who.label });
        return;
      }
      case 'leave': {
        const who = this.#find(one.who);
        if (who?.waits === true) world.unwait(who.peerId, who.at);
        else if (who !== undefined) world.leave(who.peerId, who.at);
        return;
      }
      case 'relabel': {
        const who = this.#find(one.who);
        if (who === undefined) return;
        const evidence = [...new Set([...who.label.evidence, one.evidence])].sort();
        void world.relabel(who.peerId, { ...who.label, evidence }, who.at);
        return;
      }
      case 'chat': {
        const who = this.#find(one.who);
        if (who === undefined || who.waits) return;
        const chat = { messageId: 'm', at: 1, text: `words of ${who.peerId}` };
        world.at(who.at).link.chat(who.peerId, chat);
        return;
      }
      case 'keepOut':
      case 'letIn':
        return this.#decide(one.kind, one.who);
      case 'act': {
        const [by, on] = [this.#find(one.who), this.#find(one.on)];
        if (by === undefined || on === undefined || by.waits) return;
        const far = world.at(by.at).room.known.get(on.peerId)?.node;
        if (far === undefined) return;
        const act = { act: 'remove', by: by.peerId, peerId: on.peerId } as const;
        world
          .at(by.at)
          .link.act(nodeKey(far), act)
          .catch(() => undefined);
        return;
      }
      case 'move':
        return this.#move(one.who);
      case 'switch':
        if (world.at(one.at).alive) world.switchPolicy(one.at, POLICIES[one.policy] ?? base);
        return;
      case 'kill':
        world.kill(one.at);
        return;
      case 'cut':
        if (one.at !== one.to) world.cut(one.at, one.to);
        return;
      case 'mend':
        world.network.mend();
        return;
      case 'registry':
        world.registry.down = one.down;
        return;
      case 'forget':
        world.registry.records.clear();
        return;
      case 'restate':
        for (const node of world.nodes.values()) node.federation.restate();
        return;
      case 'forge': {
        const { id } = world.at(one.at);
        const forged = { homes: [{ home: one.home, count: 1 }], evidence: [one.home] };
        for (const [key, record] of world.registry.records) {
          const hosts = [...record.hosts, { node: id, nodeEpoch: 1, datacenter: one.at, ...forged }];
          world.registry.records.set(key, { ...record, epoch: record.epoch + 7, hosts });
        }
        return;
      }
      case 'pass':
        await vi.advanceTimersByTimeAsync(one.ms);
    }
  }

  /** All that failed is there again, and all nodes run the same policy. */
  rest(): void {
    const { world } = this;
    world.registry.down = false;
    world.network.mend();
    for (const node of world.nodes.values()) {
      if (node.alive) world.switchPolicy(node.datacenter, base);
      node.federation.restate();
    }
  }

  async #come({ who, home, evidence, at, regions }: Come, waits: boolean): Promise<void> {
    const { world } = this;
    const label = { home, evidence: [...new Set([home, evidence])].sort(), regions };
    // The door has admitted it: a label that the node may not serve never comes as far as the room.
    const { alive, policy } = world.at(at);
    if (this.#find(who) !== undefined || !alive || !allowedForLabel(policy, label, at)) return;
    const peerId = this.#new(who);
    if (waits) world.wait(peerId, label, at);
    else void world.enter(peerId, home, at, { label, host: true });
    await vi.advanceTimersByTimeAsync(1);
  }

  /** A host removes somebody, or lets somebody in for good. */
  #decide(kind: 'keepOut' | 'letIn', slotName: string): void {
    const { world } = this;
    const who = this.#find(slotName);
    if (who === undefined || who.waits) return;
    if (kind === 'keepOut') world.leave(who.peerId, who.at);
    // Its hash is judged by the label of the moment, whatever becomes of the participant.
    const identity = this.#new(null);
    world.people.put(identity, who.label, who.at);
    const { room, link } = world.at(who.at);
    room.decide(kind === 'keepOut' ? 'keptOut' : 'letIn', who.label, [`hash of ${identity}`]);
    link.share();
  }

  /** Somebody who was told to goes: the new place first. */
  async #move(slotName: string): Promise<void> {
    const { world } = this;
    const who = this.#find(slotName);
    if (who === undefined || who.waits) return;
    const list = world.at(who.at).room.moved.get(who.peerId)?.list;
    const to = [...(list?.primaries ?? []), ...(list?.secondaries ?? [])]
      .map(({ datacenter }) => datacenter)
      .find((d) => d !== who.at && world.nodes.get(d)?.alive);
    if (to === undefined || !allowedForLabel(world.at(to).policy, who.label, to)) return;
    void world.enter(this.#new(slotName), who.label.home, to, { label: who.label });
    await vi.advanceTimersByTimeAsync(1);
    if (world.at(who.at).room.seated.has(who.peerId)) world.leave(who.peerId, who.at);
  }

  #new(slotName: string | null): string {
    this.#count += 1;
    const peerId = `p${this.#count}`;
    if (slotName !== null) this.#ids.set(slotName, peerId);
    return peerId;
  }

  /** Where somebody is now, seated or waiting. */
  #find(slotName: string): Someone | undefined {
    const peerId = this.#ids.get(slotName);
    for (const { room, datacenter: at } of this.world.nodes.values()) {
      for (const [waits, states] of [
        [false, room.members()],
        [true, room.waiting()],
      ] as const) {
        const state = states.find((other) => other.peerId === peerId);
        if (state !== undefined) return { peerId: state.peerId, at, label: state.label, waits };
      }
    }
    return undefined;
  }
}
