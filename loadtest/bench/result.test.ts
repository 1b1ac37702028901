import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { html } from './html.ts';
import { markdown } from './markdown.ts';
import type { Sample } from './measure.ts';
import { earlierResult, type MediaResult, spread, summarise } from './result.ts';
import type { Played } from './rounds.ts';

function sample(round: number, cpu: number, more: Partial<Sample> = {}): Sample {
  return {
    round,
    delivered: 1000,
    packetsPerSecond: 500,
    cpu,
    user: cpu / 4,
    system: (cpu * 3) / 4,
    load: 0.1,
    generatorLoad: 0.1,
    loss: 0,
    latency: { p50: cpu * 100, p99: cpu * 200, max: cpu * 300 },
    lateness: 1,
    memoryPerPeer: 100_000,
    kernelCount: null,
    void: null,
    ...more,
  };
}

function played(...rows: [string, Sample[]][]): Played {
  return {
    samples: new Map(rows),
    cryptography: new Map(rows.map(([label]) => [label, [`${label}.so`]])),
  };
}

describe('summaries', () => {
  it('are medians and ranges', () => {
    expect(spread([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 });
    expect(spread([4, 1, 2, 3])).toEqual({ median: 2.5, min: 1, max: 4 });
    expect(spread([])).toBeNull();
  });

  it('leave out the first round and what is void, and compare within a round alone', () => {
    const rows = summarise(
      played(
        ['reference', [sample(0, 99), sample(1, 4), sample(2, 5), sample(3, 6)]],
        ['stock', [sample(0, 1), sample(1, 6), sample(2, 50, { void: '3 % lost' }), sample(3, 12)]],
        ['product', [sample(0, 1), sample(1, 3), sample(2, 5), sample(3, 6)]],
      ),
      true,
    );
    const product = rows[2]?.summary;
    expect(product?.rounds).toBe(3);
    expect(product?.cpu).toEqual({ median: 5, min: 3, max: 6 });
    expect(product?.ratios.reference).toEqual({ median: 1, min: 0.75, max: 1 });
    // Only rounds 1 and 3 have a stock sample that counts.
    expect(product?.ratios.stock).toEqual({ median: 0.5, min: 0.5, max: 0.5 });
    expect(product?.addedP50).toEqual({ median: 0, min: -100, max: 0 });
    expect(rows[1]?.voids).toEqual(['3 % lost']);
  });

  it('have nothing to say of a row that was always void', () => {
    const [row] = summarise(played(['janus', [sample(1, 9, { void: 'generator at 90 %' })]]), true);
    expect(row).toMatchObject({ summary: null, voids: ['generator at 90 %'] });
  });
});

describe('reports', () => {
  const result: MediaResult = {
    format: 'watershed-media-benchmark',
    version: 1,
    startedAt: '2026-01-01T00:00:00Z',
    machine: { processor: '2 × <fast>' },
    settings: {
      profile: 'AEAD_AES_256_GCM',
      rounds: 3,
      seconds: 1,
      fresh: false,
      tickUs: 1000,
      network: 'loopback',
      bandwidthEstimation: false,
    },
    forwarders: [{ label: 'product', about: 'this' }],
    plans: [
      {
        title: 'audio 1→20',
        shape: 'audio',
        fanOut: 20,
        packetsPerSecond: 1000,
        rows: summarise(
          played(['product', [sample(1, 3), sample(2, 5)]], ['janus', [sample(1, 9, { void: 'lost' })]]),
          true,
        ),
      },
    ],
  };

  it('are gone on with where they were made under the same conditions, and only there', () => {
    const dir = mkdtempSync(join(tmpdir(), 'watershed-result-'));
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
    const path = join(dir, 'mine');
    expect(earlierResult(path, result)).toBeUndefined();
    writeFileSync(`${path}.json`, JSON.stringify(result));
    const now = { ...result, startedAt: '2026-01-02T00:00:00Z', plans: [] };
    expect(earlierResult(path, now)).toEqual(result);
    const others = { ...now, settings: { ...now.settings, rounds: 8 } };
    expect(() => earlierResult(path, others)).toThrow('its settings are others');
    writeFileSync(`${path}.json`, JSON.stringify({ ...result, version: 2 }));
    expect(() => earlierResult(path, now)).toThrow();
  });

  it('say it as Markdown', () => {
    expect(markdown(result)).toContain('| product | 4.00 (3.00–5.00) | 1.00 | 3.00 |');
    expect(markdown(result)).toContain('| janus | void: lost |');
    expect(markdown(result)).toContain('- **product**: this (loaded: product.so)');
  });

  it('say it as a page that needs nothing else and shows text as text', () => {
    const page = html(result);
    expect(page).toContain('4.00 µs');
    expect(page).toContain('2 × &#60;fast&#62;');
    expect(page).not.toMatch(/<(script|link|img)|https?:/);
  });
});
