import { describe, expect, test } from 'vitest';
import type { CompiledPolicy } from '../policy/compile.ts';
import type { Label } from '../policy/model.ts';
import type { Decision } from './decision.ts';
import { createGate } from './gate.ts';
import { FROM, locator, withPolicy, zoom2020 } from './testing/door.ts';

const US: Label = { home: 'us', evidence: ['us'], regions: null };
const CN: Label = { home: 'cn', evidence: ['cn'], regions: null };
const EU_ONLY: Label = { home: 'us', evidence: ['us'], regions: ['eu'] };

/** No admission stands before it here: layer 3 has to hold the line alone. */
function gateAt(
  datacenter: string,
  labels: Record<string, Label>,
  policy: CompiledPolicy | null = zoom2020(),
) {
  const decisions: Decision[] = [];
  const state = { policy };
  const widened: [string, Label][] = [];
  const gate = createGate(
    { datacenter, policy: () => state.policy, locator, decisions: { record: (d) => decisions.push(d) } },
    {
      roomId: 'standup',
      label: (peerId) => labels[peerId],
      onLabel: (peerId, label) => {
        labels[peerId] = label;
        widened.push([peerId, label]);
      },
    },
  );
  return { gate, decisions, state, widened };
}

describe('a peer of us whom the door let into sha by mistake', () => {
  const { gate, decisions } = gateAt('sha', { us: US, cn: CN });

  test('gets no transport', () => {
    expect(() => gate.assertTransport('us')).toThrow(
      expect.objectContaining({ code: 'region_not_admitted' }),
    );
  });
  test('produces nothing', () => {
    expect(() => gate.assertProduce('us')).toThrow(expect.objectContaining({ code: 'region_not_admitted' }));
  });
  test('is heard by nobody there, and hears nobody', () => {
    expect(() => gate.assertConsume('us', 'cn')).toThrow(
      expect.objectContaining({ code: 'region_not_admitted' }),
    );
    expect(() => gate.assertConsume('cn', 'us')).toThrow(
      expect.objectContaining({ code: 'region_not_admitted' }),
    );
  });
  test('is not let in by an address of cn either', () => {
    expect(() => gate.assertAddress('us', FROM.cn)).toThrow(
      expect.objectContaining({ code: 'address_refused' }),
    );
  });
  test('and every refusal is on record, with its rule', () => {
    expect(decisions.filter((d) => d.kind === 'refuse')).toHaveLength(5);
    for (const decision of decisions.filter((d) => d.kind === 'refuse')) {
      expect(decision).toMatchObject({ rule: 'admits', home: 'us', here: 'sha', room: 'standup' });
    }
  });
});

test('what the fences admit, passes', () => {
  const { gate } = gateAt('sjc', { us: US, cn: CN });
  for (const peer of ['us', 'cn']) {
    gate.assertTransport(peer);
    gate.assertProduce(peer);
  }
  gate.assertConsume('us', 'cn');
  gate.assertConsume('cn', 'us');
});

describe('what would be piped to another datacenter', () => {
  test('goes only where the producer may be processed, and both answers are on record', () => {
    const { gate, decisions, state } = gateAt('hkg', { us: US, cn: CN, narrowed: EU_ONLY });
    gate.assertPipe('us', 'sjc');
    gate.assertPipe('cn', 'sha');
    const forbidden = expect.objectContaining({ code: 'region_not_admitted' });
    expect(() => gate.assertPipe('us', 'sha')).toThrow(forbidden);
    expect(() => gate.assertPipe('narrowed', 'sjc')).toThrow(forbidden);
    expect(() => gate.assertPipe('us', 'nowhere')).toThrow(forbidden);
    expect(() => gate.assertPipe('gone', 'sjc')).toThrow(expect.objectContaining({ code: 'not_found' }));
    expect(decisions.map(({ step, kind, here, pipe }) => [step, kind, here, pipe])).toEqual(
      [
        ['admit', 'sjc'],
        ['admit', 'sha'],
        ['refuse', 'sha'],
        ['refuse', 'sjc'],
        ['refuse', 'nowhere'],
        ['refuse', 'sjc'],
      ].map(([kind, datacenter]) => ['pipe', kind, 'hkg', { direction: 'out', datacenter }]),
    );
    state.policy = withPolicy(zoom2020(), { closed: ['sjc'], version: 13 });
    expect(() => gate.assertPipe('us', 'sjc')).toThrow(forbidden);
  });
});

test('narrowing forbids as a fence does', () => {
  const { gate, decisions } = gateAt('sjc', { narrowed: EU_ONLY });
  expect(() => gate.assertTransport('narrowed')).toThrow(
    expect.objectContaining({ code: 'region_not_admitted' }),
  );
  expect(decisions[0]).toMatchObject({ rule: 'narrowing' });
});

test('a peer that is gone is forbidden everything, on either side', () => {
  const { gate } = gateAt('sjc', { us: US });
  const gone = expect.objectContaining({ code: 'not_found' });
  expect(() => gate.assertTransport('gone')).toThrow(gone);
  expect(() => gate.assertProduce('gone')).toThrow(gone);
  expect(() => gate.assertConsume('gone', 'us')).toThrow(gone);
  expect(() => gate.assertConsume('us', 'gone')).toThrow(gone);
  expect(() => gate.assertAddress('gone', FROM.us)).toThrow(gone);
});

test('the policy of the moment judges, not that of the admission', () => {
  const { gate, state } = gateAt('sjc', { us: US });
  gate.assertProduce('us');
  state.policy = withPolicy(zoom2020(), { closed: ['sjc'], version: 13 });
  expect(() => gate.assertProduce('us')).toThrow(expect.objectContaining({ code: 'region_not_admitted' }));
  state.policy = null;
  expect(() => gate.assertProduce('us')).toThrow(expect.objectContaining({ code: 'policy_missing' }));
});

describe('selected ICE tuples', () => {
  test('an address of the same region changes nothing', () => {
    const { gate, widened } = gateAt('sjc', { us: US });
    gate.assertAddress('us', FROM.us);
    gate.assertAddress('us', FROM.jp);
    gate.assertAddress('us', FROM.none);
    expect(widened).toEqual([]);
  });

  test('an address of another region widens the label of a peer that may stay', () => {
    const { gate, widened } = gateAt('sjc', { us: US });
    gate.assertAddress('us', FROM.cn);
    expect(widened).toEqual([['us', { home: 'us', evidence: ['cn', 'us'], regions: null }]]);
  });

  test('an address of us forbids sha to a peer of cn, and the label is not touched', () => {
    const { gate, widened } = gateAt('sha', { cn: CN });
    expect(() => gate.assertAddress('cn', FROM.us)).toThrow(
      expect.objectContaining({ code: 'address_refused' }),
    );
    expect(widened).toEqual([]);
  });

  test('evidence adds up: what two addresses forbid together is forbidden', () => {
    const { gate } = gateAt('sha', { cn: CN });
    gate.assertAddress('cn', FROM.cn);
    gate.assertAddress('cn', FROM.none);
    expect(() => gate.assertAddress('cn', FROM.de)).toThrow();
  });

  test('an address that may prove nothing is refused', () => {
    const { gate } = gateAt('sjc', { us: US });
    expect(() => gate.assertAddress('us', FROM.refused)).toThrow(
      expect.objectContaining({ code: 'address_unknown' }),
    );
  });

  test('conflict: refuse refuses another region', () => {
    const { gate } = gateAt('sjc', { us: US }, withPolicy(zoom2020(), { conflict: 'refuse' }));
    expect(() => gate.assertAddress('us', FROM.de)).toThrow(
      expect.objectContaining({ code: 'region_conflict' }),
    );
  });
});
