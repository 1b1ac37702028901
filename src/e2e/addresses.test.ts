import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createGate } from '../cluster/gate.ts';
import { zoom2020 } from '../cluster/testing/door.ts';
import { createLocator, type Locator } from '../geo/locator.ts';
import { mmdb } from '../geo/testing/mmdb-writer.ts';
import { startEngine, until } from '../media/testing/fixture.ts';
import { TestPeer } from '../media/testing/test-peer.ts';
import type { MediaEngine, MediaRoom } from '../media/types.ts';
import { type CompiledPolicy, compilePolicy } from '../policy/compile.ts';
import type { Label, Region } from '../policy/model.ts';
import { TwoAddressRelay } from './harness/two-address-relay.ts';

// A participant may pass ICE from several addresses, and send media from any of them. Loopback addresses play
// the public ones that the database knows.
const HOME = '127.0.0.2';
const ALSO_HOME = '127.0.0.3';
const ABROAD = '127.0.0.9';
const plays = new Map([
  [HOME, '1.2.3.4'],
  [ALSO_HOME, '1.2.3.5'],
  [ABROAD, '8.8.8.8'],
]);
const dir = mkdtempSync(join(tmpdir(), 'watershed-addresses-'));
let policy = zoom2020();
let locator: Locator;
let engine: MediaEngine;
let room: MediaRoom;
let relay: TwoAddressRelay | undefined;
let peers: TestPeer[] = [];
let widened: Label[] = [];

beforeAll(async () => {
  const database = join(dir, 'countries.mmdb');
  writeFileSync(database, mmdb({ '1.2.3.0/24': 'CN', '8.8.8.0/24': 'US' }));
  locator = await createLocator({ database, development: true, private: [], reloadMs: 0 });
  engine = await startEngine();
});
afterEach(() => {
  for (const peer of peers) peer.close();
  relay?.close();
  room.close();
  peers = [];
  relay = undefined;
  widened = [];
  policy = zoom2020();
});
afterAll(async () => {
  await engine.close();
  locator.close();
  rmSync(dir, { recursive: true, force: true });
});

/** Ann, who sends through a relay with two addresses, and Bob, who hears her; both of `cn`, at `sha`. */
async function meeting(second: string): Promise<{ ann: TestPeer; bob: TestPeer; relay: TwoAddressRelay }> {
  const labels = new Map<string, Label>();
  const gate = createGate(
    {
      datacenter: 'sha',
      policy: () => policy,
      locator: { locate: (address) => locator.locate(plays.get(address) ?? address) },
      decisions: { record: () => {} },
    },
    {
      roomId: 'room',
      label: (peerId) => labels.get(peerId),
      onLabel: (peerId, label) => {
        labels.set(peerId, label);
        widened.push(label);
      },
    },
  );
  room = await engine.openRoom('room', { lastN: null, gate });
  const route: ConstructorParameters<typeof TestPeer>[2] = async (info) => {
    const [candidate] = info.iceCandidates;
    if (!candidate) throw new Error('no candidate');
    relay = await TwoAddressRelay.start(candidate, [HOME, second]);
    return { ...info, iceCandidates: [{ ...candidate, port: relay.port }] };
  };
  for (const peerId of ['ann', 'bob']) {
    labels.set(peerId, { home: 'cn', evidence: ['cn'], regions: null });
  }
  const [ann, bob] = [
    new TestPeer(room.addPeer('ann'), '127.0.0.1', route),
    new TestPeer(room.addPeer('bob'), HOME),
  ];
  peers = [ann, bob];
  await bob.subscribe();
  await ann.publish([{ source: 'microphone' }]);
  await until('media from the first address', () => bob.count('ann', 'microphone') > 5);
  if (!relay) throw new Error('nothing went through the relay');
  return { ann, bob, relay };
}

/** What Bob heard of Ann once nothing more is under way. */
async function quiet(bob: TestPeer): Promise<number> {
  let last = -1;
  let same = 0;
  await until('nothing is under way', () => {
    const now = bob.count('ann', 'microphone');
    same = now === last ? same + 1 : 0;
    last = now;
    return same >= 10;
  });
  return last;
}

describe('a participant that passed from one address and sends from another', () => {
  test('is refused where the other address is not admitted, and not a packet from there gets through', async () => {
    const { ann, bob, relay } = await meeting(ABROAD);
    relay.holdMedia();
    const heard = await quiet(bob);
    // The packets follow the check at once, so that they overtake the judgement.
    relay.moveMediaWithCheck();
    await until('packets from the second address', () => relay.sent[1] > 5, 30_000);
    await until('refused', () => ann.seen('forbidden').length > 0, 20_000);
    expect(ann.seen('forbidden')).toEqual([{ error: expect.objectContaining({ code: 'address_refused' }) }]);
    await until('bob lost ann', () => bob.consumers.size === 0);
    expect(bob.count('ann', 'microphone')).toBe(heard);
  });

  test('goes on where the other address is admitted, without losing what came meanwhile', async () => {
    const { ann, bob, relay } = await meeting(ALSO_HOME);
    relay.checkSecond();
    await until('the second address passes its ICE check', () => relay.checks[1] > 0, 20_000);
    const missing = relay.sent[0] - bob.count('ann', 'microphone');
    relay.moveMedia();
    await until('media from the second address', () => relay.sent[1] > 20);
    // What was sent before Bob listened is missing, and nothing else.
    const all = (): number => relay.sent[0] + relay.sent[1] - missing;
    await until('all of it', () => bob.count('ann', 'microphone') >= all());
    expect(ann.seen('forbidden')).toEqual([]);
    expect(widened).toEqual([]);
  });
});

test('where media comes from is judged by a policy that comes later, too', async () => {
  const { ann, bob } = await meeting(ALSO_HOME);
  const country = (name: string, countries: string[]) =>
    [name, { ...region(policy, name), countries }] as const;
  const regions = new Map([
    ...policy.policy.regions,
    country('cn', ['CX']),
    country('hk', ['HK', 'MO', 'CN']),
  ]);
  policy = compilePolicy({ ...policy.policy, regions });
  bob.peer.rejudge();
  ann.peer.rejudge();
  for (const one of [ann, bob]) {
    expect(one.seen('forbidden')).toEqual([{ error: expect.objectContaining({ code: 'address_refused' }) }]);
  }
});

function region(p: CompiledPolicy, name: string): Region {
  const found = p.policy.regions.get(name);
  if (found === undefined) throw new Error(`no region ${name}`);
  return found;
}
