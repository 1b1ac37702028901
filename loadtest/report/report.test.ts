import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { Histogram } from '../measure/histogram.ts';
import { reportOf } from './html.ts';
import { resultSchema } from './result.ts';
import { summaryOf } from './summary.ts';
import { histogramChart } from './svg/spread-charts.ts';
import { exampleResult } from './testing/example.ts';

describe('the result', () => {
  test('has a schema that other programs can read, and it is the one that is written by', () => {
    const written: unknown = JSON.parse(
      readFileSync(join(import.meta.dirname, 'result.schema.json'), 'utf8'),
    );
    expect(written).toEqual(JSON.parse(JSON.stringify(z.toJSONSchema(resultSchema))));
  });

  test('survives its file', () => {
    const result = exampleResult();
    expect(resultSchema.parse(JSON.parse(JSON.stringify(result)))).toEqual(result);
  });
});

describe('the report', () => {
  test('begins with what was forbidden and what was admitted', () => {
    const page = reportOf(exampleResult());
    const body = page.slice(page.indexOf('<main>'));
    expect(body.replace(/<[^>]*>/g, ' ').trim()).toMatch(/^1\u202f204 forbidden attempts made, 0 admitted\./);
    expect(summaryOf(exampleResult()).split('\n')[0]).toMatch(/^1204 forbidden attempts made, 0 admitted/);
    expect(body).toContain('<p class="fence ">');
  });

  test('is red when anything forbidden was admitted, and says what', () => {
    const page = reportOf(
      exampleResult({
        outcome: 'failed',
        isolation: {
          ...exampleResult().isolation,
          admitted: 1,
          admissions: [{ at: 3, kind: 'fence', what: 'a client of us at sha (cn)', answer: 'welcome' }],
        },
      }),
    );
    expect(page).toContain('class="fence broken"');
    expect(page).toContain('a client of us at sha (cn)');
  });

  test('is not green when nothing forbidden could be attempted', () => {
    const isolation = { ...exampleResult().isolation, attempts: 0, kinds: [] };
    expect(reportOf(exampleResult({ isolation }))).toContain('class="fence unproved"');
  });

  test('needs nothing from anywhere, and lets nothing be injected', () => {
    const page = reportOf(
      exampleResult({ reasons: ['<script>alert(1)</script>'], notes: ['"><img src=x onerror=y>'] }),
    );
    expect(page).not.toMatch(/<script|<img|<link|@import|url\(|https?:/i);
    expect(page).toContain('&lt;script&gt;');
  });

  test('has a plot of everything, without a number that is none', () => {
    const page = reportOf(exampleResult());
    expect(page.match(/<svg /g)).toHaveLength(16);
    expect(page).not.toMatch(/NaN|Infinity|undefined|\[object/);
  });

  test('has no plot of layers where no camera came', () => {
    const series = exampleResult().series.map((point) => ({ ...point, cameraLayers: {} }));
    expect(reportOf(exampleResult())).toContain('Mean layer of cameras, by');
    expect(reportOf(exampleResult({ series }))).not.toContain('Mean layer of cameras, by');
  });

  test('tells what misses its limit by little from the limit', () => {
    const layers = { name: 'to.eu.layerMost', what: 'layer', least: false, unit: '', limit: 1, value: 1.04 };
    const page = reportOf(exampleResult({ thresholds: [{ ...layers, holds: false }] }));
    expect(page).toMatch(/<td class="n">1\.04 <\/td><td class="n">at most 1 <\/td>/);
  });

  test('marks two quantiles that lie close together in two rows', () => {
    const chart = (p50: number, p95: number) =>
      histogramChart('Join', { ...exampleResult().distributions.join, p50, p95, max: 200 }).text;
    const rowsOf = (text: string) => [...text.matchAll(/class="phase [^>]* y="(\d+)"/g)].map(([, y]) => y);
    expect(new Set(rowsOf(chart(20, 150))).size).toBe(1);
    for (const [p50, p95] of [
      [20, 40],
      [120, 199],
    ] as const)
      expect(new Set(rowsOf(chart(p50, p95))).size).toBe(2);
  });

  test('of a run that measured nothing says so', () => {
    const nothing = { ...exampleResult().distributions.join, count: 0, p50: null, p95: null, buckets: [] };
    const page = reportOf(
      exampleResult({
        outcome: 'broken',
        series: [],
        pairs: [],
        processes: [],
        events: [],
        distributions: { join: nothing, firstPacket: nothing, latency: nothing, jitter: nothing },
      }),
    );
    expect(page).toContain('Nothing was measured.');
    expect(page).not.toMatch(/NaN|Infinity|undefined/);
  });
});

test('a histogram of the example is what its quantiles say', () => {
  const { buckets, p50 } = exampleResult().distributions.latency;
  const histogram = new Histogram().addBuckets(buckets);
  expect((histogram.quantile(0.5) ?? 0) / 1000).toBeCloseTo(p50 ?? -1, 2);
});
