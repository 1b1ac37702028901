import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import * as original from './fence.ts';
import type { Policy } from './model.ts';
import { policies } from './testing/arbitrary.ts';
import { EQUIVALENT } from './testing/equivalent-mutants.ts';
import { keyOf, mutantsOf } from './testing/mutants.ts';

/** The share of `npm run mutation` that every run of the tests has: all mutants of the fences' one definition. */
const textOf = (file: string) => readFileSync(new URL(file, import.meta.url), 'utf8');
type Fences = Pick<typeof original, 'fence' | 'judge' | 'tell'>;

async function load(text: string): Promise<Fences> {
  const { outputText } = ts.transpileModule(text, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  });
  const url = `data:text/javascript;base64,${Buffer.from(outputText).toString('base64')}`;
  return import(/* @vite-ignore */ url);
}

/** Everything that the fences say of some policies, names that they do not define among them. */
function said({ fence, judge, tell }: Fences, worlds: readonly Policy[]): string {
  return JSON.stringify(
    worlds.map((policy) =>
      [...policy.regions.keys(), 'xx'].map((client) =>
        [...policy.datacenters.keys(), 'xxx'].map((site) => {
          const judged = judge(policy, client, site);
          return [fence(policy, client, site), judged, tell(policy, client, site, judged)];
        }),
      ),
    ),
  );
}

describe('mutants', () => {
  it('of the fences all say something else', async () => {
    const sampled = fc.sample(policies(), { numRuns: 60, seed: 2020 });
    // No parsed policy has a datacenter whose region is not defined; the fences are total all the same.
    const lost = { name: 'lost', region: 'gone', url: 'wss://lost.example', weight: 1, key: null, media: [] };
    const worlds = sampled.map((policy, i) =>
      i > 0 ? policy : { ...policy, datacenters: new Map([...policy.datacenters, ['lost', lost]]) },
    );
    const text = textOf('fence.ts');
    const before = said(await load(text), worlds);
    expect(before).toBe(said(original, worlds));
    const mutants = mutantsOf('fence.ts', text);
    expect(mutants.length).toBeGreaterThan(20);
    const survivors: string[] = [];
    for (const mutant of mutants) {
      const mutated = text.slice(0, mutant.start) + mutant.text + text.slice(mutant.end);
      let after: string;
      try {
        after = said(await load(mutated), worlds);
      } catch {
        continue;
      }
      if (after === before && !EQUIVALENT.has(keyOf(mutant)))
        survivors.push(`${mutant.line}: ${keyOf(mutant)}`);
    }
    expect(survivors).toEqual([]);
  });

  it('that count as equivalent are each one mutant of the files as they are', () => {
    for (const key of EQUIVALENT.keys()) {
      const file = key.slice(0, key.indexOf(':'));
      expect(
        mutantsOf(file, textOf(file))
          .map(keyOf)
          .filter((k) => k === key),
      ).toEqual([key]);
    }
  });
});
