import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { WatershedError } from '../protocol/errors.ts';
import { type Absences, watchAbsences } from './absences.ts';
import type { RosterReading } from './roster.ts';
import { nodeOf, withPolicy, zoom2020 } from './testing/door.ts';

let watch: Absences | undefined;
beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  watch?.close();
  vi.useRealTimers();
});

it('operators are told which datacenters nobody is sent to, why, and when that changes', async () => {
  let policy = zoom2020();
  const others = ['hkg', 'sha', 'tsn'].map((name) => nodeOf(policy, name));
  let reading: RosterReading = {
    nodes: [
      nodeOf(policy, 'sjc'),
      nodeOf(policy, 'iad', { accepting: false }),
      nodeOf(policy, 'ams'),
      ...others,
    ],
    rejected: [{ id: 'y', datacenter: 'fra', reason: 'record_url' }],
  };
  let away = false;
  const log: string[] = [];
  const tell = (fields: object, message: string) => log.push(`${message}: ${JSON.stringify(fields)}`);
  const metrics = new Registry();
  watch = watchAbsences({
    policy: () => policy,
    roster: {
      read: async () => {
        if (away) throw new WatershedError('registry_unavailable');
        return reading;
      },
    },
    logger: { warn: tell, info: tell },
    metrics,
  });
  const pass = async () => {
    log.length = 0;
    await vi.advanceTimersByTimeAsync(10_000);
    const text = await metrics.metrics();
    return text.split('\n').filter((line) => line.startsWith('watershed_datacenter_absent'));
  };
  await vi.advanceTimersByTimeAsync(10_000);
  expect(log).toEqual([
    'nobody is sent to a datacenter: {"absent":"iad","reason":"full"}',
    'nobody is sent to a datacenter: {"absent":"fra","reason":"unverified","faults":["record_url"]}',
  ]);
  const both = [
    'watershed_datacenter_absent{datacenter="iad",reason="full"} 1',
    'watershed_datacenter_absent{datacenter="fra",reason="unverified"} 1',
  ];
  expect(await pass()).toEqual(both);
  expect(log).toEqual([]);

  away = true;
  expect(await pass()).toEqual([]);
  away = false;
  expect(await pass()).toEqual(both);
  expect(log).toEqual([]);

  reading = { nodes: reading.nodes.slice(2), rejected: [] };
  policy = withPolicy(policy, { closed: ['ams'] });
  expect(await pass()).toEqual([
    'watershed_datacenter_absent{datacenter="sjc",reason="unregistered"} 1',
    'watershed_datacenter_absent{datacenter="iad",reason="unregistered"} 1',
    'watershed_datacenter_absent{datacenter="fra",reason="unregistered"} 1',
    'watershed_datacenter_absent{datacenter="ams",reason="closed"} 1',
  ]);
  reading = { nodes: [...reading.nodes, nodeOf(policy, 'sjc')], rejected: [] };
  await pass();
  expect(log).toEqual(['people are sent to a datacenter again: {"back":"sjc"}']);
});
