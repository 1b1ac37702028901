import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { createMetrics, createSessionCounters, type MetricSources } from './metrics.ts';

function sources(overrides: Partial<MetricSources> = {}): MetricSources {
  return {
    version: '0.1.0',
    datacenter: 'fra',
    cloud: 'commercial',
    ready: () => true,
    sessions: () => 3,
    rooms: () => 2,
    peers: () => 3,
    workers: () => [
      {
        ...{ index: 0, state: 'running', load: 0.25, routers: 2, consumers: 7, restarts: 0 },
        egress: { datagrams: 900, calls: 20, batches: 90, segments: 800, fallbacks: 2, failures: 1 },
      },
      {
        ...{ index: 1, state: 'dead', load: 0, routers: 0, consumers: 0, restarts: 4 },
        egress: { datagrams: 0, calls: 0, batches: 0, segments: 0, fallbacks: 0, failures: 0 },
      },
    ],
    worker: { version: '3.27.1', origin: 'native', sha256: 'a'.repeat(64) },
    policy: () => ({ version: 12, digest: `sha256:${'b'.repeat(64)}`, expires: 1_800_000_000_000 }),
    geo: () => ({ configured: true, sha256: 'c'.repeat(64), builtAt: 1_700_000_000_000, problem: null }),
    ...overrides,
  };
}

/** The lines of a scrape that are ours, without comments. */
async function scrape(from: MetricSources): Promise<string[]> {
  const registry = createMetrics(from, new Registry());
  return (await registry.metrics()).split('\n').filter((line) => line.startsWith('watershed_'));
}

describe('a scrape', () => {
  it('shows the node as it is', async () => {
    expect(await scrape(sources())).toEqual([
      'watershed_info{version="0.1.0",datacenter="fra",cloud="commercial"} 1',
      'watershed_ready 1',
      'watershed_sessions 3',
      'watershed_rooms 2',
      'watershed_peers 3',
      'watershed_worker_info{version="3.27.1",origin="native",sha256="aaaaaaaaaaaa"} 1',
      'watershed_workers{state="starting"} 0',
      'watershed_workers{state="running"} 1',
      'watershed_workers{state="dead"} 1',
      'watershed_worker_load_ratio{worker="0"} 0.25',
      'watershed_worker_load_ratio{worker="1"} 0',
      'watershed_worker_routers{worker="0"} 2',
      'watershed_worker_routers{worker="1"} 0',
      'watershed_worker_consumers{worker="0"} 7',
      'watershed_worker_consumers{worker="1"} 0',
      'watershed_worker_restarts{worker="0"} 0',
      'watershed_worker_restarts{worker="1"} 4',
      ...(
        [
          ['sent_datagrams', 900],
          ['send_calls', 20],
          ['sent_batches', 90],
          ['sent_segments', 800],
          ['send_fallbacks', 2],
          ['send_failures', 1],
        ] as const
      ).flatMap(([name, n]) => [
        `watershed_worker_${name}_total{worker="0"} ${n}`,
        `watershed_worker_${name}_total{worker="1"} 0`,
      ]),
      'watershed_policy_info{version="12",digest="bbbbbbbbbbbb"} 1',
      'watershed_policy_expires_timestamp_seconds 1800000000',
      'watershed_geo_info{sha256="cccccccccccc"} 1',
      'watershed_geo_built_timestamp_seconds 1700000000',
      'watershed_geo_ok 1',
    ]);
  });

  it('leaves out what there is not, and says what is wrong', async () => {
    const lines = await scrape(
      sources({
        ready: () => false,
        policy: () => null,
        geo: () => ({ configured: true, sha256: null, builtAt: null, problem: 'ENOENT' }),
      }),
    );
    expect(lines).toContain('watershed_ready 0');
    expect(lines).toContain('watershed_geo_ok 0');
    expect(lines.join('\n')).not.toMatch(/policy_info|policy_expires|geo_info|geo_built/);
  });

  it('forgets the policy of before', async () => {
    let version = 1;
    const policy = () => ({ version, digest: `sha256:${version}`, expires: null });
    const registry = createMetrics(sources({ policy }), new Registry());
    await registry.metrics();
    version = 2;
    const lines = (await registry.metrics())
      .split('\n')
      .filter((line) => line.startsWith('watershed_policy_info'));
    expect(lines).toEqual(['watershed_policy_info{version="2",digest="2"} 1']);
  });

  it('has the event loop and the process too', async () => {
    expect(await createMetrics(sources(), new Registry()).metrics()).toMatch(
      /nodejs_eventloop_lag_p99_seconds/,
    );
  });

  it('of one node is apart from another of the same process', async () => {
    expect(await scrape(sources({ rooms: () => 5 }))).toContain('watershed_rooms 5');
    expect(await scrape(sources({ rooms: () => 6 }))).toContain('watershed_rooms 6');
  });
});

it('counts what sessions report', async () => {
  const registry = new Registry();
  const counters = createSessionCounters(registry);
  counters.request('join', 'ok', 0.01);
  counters.connectionEnded('client');
  counters.connectionEnded('client');
  counters.resumed('fresh');
  const text = await registry.metrics();
  expect(text).toContain('watershed_request_seconds_count{method="join",result="ok"} 1');
  expect(text).toContain('watershed_connections_ended_total{reason="client"} 2');
  expect(text).toContain('watershed_resumes_total{result="fresh"} 1');
});
