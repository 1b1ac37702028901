import { afterEach, expect, it, vi } from 'vitest';
import { FakeNetwork } from '../cluster/federation/testing/fake-links.ts';
import { withPolicy, zoom2020 } from '../cluster/testing/door.ts';
import type { CompiledPolicy } from '../policy/compile.ts';
import { sharePolicy } from './share-policy.ts';

const ends: (() => void)[] = [];
afterEach(() => {
  vi.useRealTimers();
  for (const end of ends.splice(0)) end();
});

/** A node whose judge believes bundles that are a number, if they are higher than what runs. */
function node(id: string, network: FakeNetwork, store: { bundle: Uint8Array | null }, start: number) {
  const links = network.join({ id, datacenter: id });
  const listeners: (() => void)[] = [];
  const offered: string[] = [];
  let version = start;
  const policyOf = (): CompiledPolicy => withPolicy(zoom2020(), { version });
  const self = {
    links,
    offered,
    version: () => version,
    run(next: number) {
      version = next;
      for (const listener of listeners) listener();
    },
  };
  ends.push(
    sharePolicy({
      links,
      log: { warn: () => {} },
      registry: {
        bundle: async () => store.bundle,
        putBundle: async (bytes) => {
          store.bundle = bytes;
        },
      },
      policy: {
        running: policyOf,
        bundle: () => Buffer.from(String(version)),
        offer: async (bytes, from) => {
          const text = Buffer.from(bytes).toString();
          offered.push(`${from} ${text}`);
          if (!(Number(text) > version)) return { kind: 'refused', code: 'bundle_old_version' };
          self.run(Number(text));
          return { kind: 'switched' };
        },
        onSwitch: (listener) => {
          listeners.push(() => void listener(policyOf()));
          return () => {};
        },
      },
    }),
  );
  return self;
}

it('a node that runs a newer policy brings it to those it is linked with, and to the registry', async () => {
  vi.useFakeTimers();
  const network = new FakeNetwork();
  const store: { bundle: Uint8Array | null } = { bundle: null };
  const [a, b, c] = ['a', 'b', 'c'].map((id) => node(id, network, store, 1));
  if (a === undefined || b === undefined || c === undefined) throw new Error('no node');
  await a.links.connect({ id: 'b', datacenter: 'b', link: b.links.address });
  a.run(2);
  await vi.advanceTimersByTimeAsync(10);
  expect(b.version()).toBe(2);
  expect(Buffer.from(store.bundle ?? []).toString()).toBe('2');
  // c has no link to anybody.
  await vi.advanceTimersByTimeAsync(11_000);
  expect(c.version()).toBe(2);
});

it('a node that comes with an older policy is told of the newer one as the link comes up', async () => {
  vi.useFakeTimers();
  const network = new FakeNetwork();
  const [a, b] = [node('a', network, { bundle: null }, 7), node('b', network, { bundle: null }, 3)];
  await b.links.connect({ id: 'a', datacenter: 'a', link: a.links.address });
  await vi.advanceTimersByTimeAsync(10);
  expect(b.version()).toBe(7);
  expect(a.offered.filter((offer) => offer.startsWith('link'))).toEqual([]);
});

it('nonsense in the registry is offered, refused, and replaced', async () => {
  vi.useFakeTimers();
  const store: { bundle: Uint8Array | null } = { bundle: Buffer.from('garbage') };
  const a = node('a', new FakeNetwork(), store, 5);
  await vi.advanceTimersByTimeAsync(11_000);
  expect(a.offered).toContain('registry garbage');
  expect(a.version()).toBe(5);
  expect(Buffer.from(store.bundle ?? []).toString()).toBe('5');
});
