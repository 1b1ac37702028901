import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { verifyBundle } from './bundle.ts';
import { compilePolicy } from './compile.ts';
import { parsePolicy, parsePolicyBytes } from './parse.ts';
import { check } from './prove.ts';
import { exampleText } from './testing/examples.ts';
import { holds } from './testing/reference.ts';
import { mayBeAccepted } from './testing/reference-parse.ts';

/** A seeded share of the cases; WATERSHED_FUZZ_CASES=100000 runs as many as the figure is stated for. */
const CASES = Number(process.env.WATERSHED_FUZZ_CASES ?? 1500);
const SEED = Number(process.env.WATERSHED_FUZZ_SEED ?? 2020);

/** mulberry32: small, seeded, good enough to choose with. */
function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const TOKENS = [
  ...[
    '{',
    '}',
    '[',
    ']',
    ':',
    ',',
    '- ',
    '\n',
    '  ',
    '"',
    "'",
    '|',
    '>',
    '&a ',
    '*a',
    '!!str ',
    '!x ',
    '? ',
    '%YAML 1.1\n',
    '---\n',
    '...\n',
    '#',
    '\t',
    '\u0000',
    '\ufeff',
    '~',
    '<<',
    '\\',
    '\r',
  ],
  ...[
    'any',
    'refuse',
    'both',
    'true',
    'null',
    '12',
    '-1',
    '1e400',
    '.inf',
    '.nan',
    '0x10',
    '""',
    'NO',
    'cn',
    'us',
    'sha',
    'sjc',
    'CN',
    'US',
    'TW',
  ],
  ...[
    'version',
    'cloud',
    'regions',
    'datacenters',
    'routes',
    'admits',
    'confined',
    'countries',
    'region',
    'url',
    'weight',
    'key',
    'media',
    'primaries',
    'secondaries',
    'closed',
    'expires',
    'unknown',
    'conflict',
    '__proto__',
    'constructor',
  ],
];
const texts = readdirSync(new URL('../../config/policies', import.meta.url))
  .filter((f) => f.endsWith('.yaml'))
  .map((f) => exampleText(f.slice(0, -5)));

function mutated(pick: (below: number) => number): Uint8Array {
  const encoder = new TextEncoder();
  if (pick(20) === 0) return Uint8Array.from({ length: pick(200) }, () => pick(256));
  let text = pick(10) === 0 ? '' : (texts[pick(texts.length)] ?? '');
  for (let i = 1 + pick(4); i > 0; i--) {
    const at = pick(text.length + 1);
    const length = pick(pick(4) === 0 ? 400 : 12);
    const token = TOKENS[pick(TOKENS.length)] ?? '';
    switch (pick(5)) {
      case 0:
        text = text.slice(0, at) + text.slice(at + length);
        break;
      case 1:
        text = text.slice(0, at) + token + text.slice(at);
        break;
      case 2:
        text = text.slice(0, at) + token + text.slice(at + length);
        break;
      case 3:
        text = text.slice(0, at) + text.slice(pick(text.length + 1)).slice(0, length) + text.slice(at);
        break;
      default:
        text = replaceWord(text, token, pick);
    }
  }
  const bytes = encoder.encode(text);
  if (pick(10) === 0 && bytes.length > 0) bytes[pick(bytes.length)] = pick(256);
  return bytes;
}

/** Another word where a word was: the edits that come nearest to a policy. */
function replaceWord(text: string, token: string, pick: (below: number) => number): string {
  const words = [...text.matchAll(/[A-Za-z]{2,}/g)];
  const word = words[pick(Math.max(1, words.length))];
  if (word === undefined) return text;
  const other = pick(2) === 0 ? token : (words[pick(words.length)]?.[0] ?? '');
  return text.slice(0, word.index) + other + text.slice(word.index + word[0].length);
}

describe('fuzzed bytes', () => {
  it(`${CASES} cases: no throw, no acceptance of what the reference refuses, faults that are somewhere`, {
    timeout: 600_000,
  }, () => {
    const pick = random(SEED);
    let accepted = 0;
    let violating = 0;
    for (let i = 0; i < CASES; i++) {
      const bytes = mutated(pick);
      const result = parsePolicyBytes(bytes, 'f.yaml');
      if (!result.ok) {
        const lines = new TextDecoder().decode(bytes).split('\n');
        expect(result.faults.length).toBeGreaterThan(0);
        for (const { line, column } of result.faults) {
          expect(line).toBeGreaterThanOrEqual(1);
          expect(line).toBeLessThanOrEqual(lines.length);
          expect(column).toBeGreaterThanOrEqual(1);
          expect(column).toBeLessThanOrEqual((lines[line - 1]?.length ?? 0) + 1);
        }
        continue;
      }
      accepted++;
      const text = new TextDecoder().decode(bytes);
      if (!mayBeAccepted(text)) throw new Error(`accepted what the reference refuses (case ${i}):\n${text}`);
      compilePolicy(result.policy);
      const proof = check(result);
      if (!proof.holds) violating++;
      // The search is for small worlds only.
      if (result.policy.datacenters.size <= 4) expect(proof.holds).toBe(holds(result.policy));
      expect(
        verifyBundle(bytes, { cloud: 'commercial', signers: [], highest: null, now: 0, file: 'f' }).ok,
      ).toBe(false);
    }
    // The mutations come near enough to a policy to try both answers.
    expect(accepted).toBeGreaterThan(CASES / 100);
    expect(violating).toBeGreaterThan(0);
  });

  it('documents made to exhaust the reader are refused at once', () => {
    const bombs = [
      '['.repeat(1_000_000),
      '{a: '.repeat(500_000),
      '- '.repeat(100_000),
      'a:\n '.repeat(20_000),
      '? '.repeat(60_000),
      '&a '.repeat(60_000),
      '!x '.repeat(60_000),
      `x: "${'\\'.repeat(1_000_000)}`,
      '#'.repeat(2_000_000),
      ' '.repeat(2_000_000),
      '\n'.repeat(400_000),
      `${'a: 1\n'.repeat(40_000)}`,
      Array.from({ length: 40_000 }, (_, i) => `k${i}: 1`).join('\n'),
      Array.from({ length: 40_000 }, (_, i) => `- &a${i} x\n- *a${i}`).join('\n'),
      'x'.repeat(2_100_000),
    ];
    for (const bomb of bombs) {
      const start = performance.now();
      expect(parsePolicy(bomb, 'b.yaml').ok).toBe(false);
      // Bounded, on a machine that does other things too; the slowest takes under a second alone.
      expect(performance.now() - start, bomb.slice(0, 20)).toBeLessThan(20_000);
    }
  }, 300_000);
});
