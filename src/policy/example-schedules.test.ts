import { describe, expect, it } from 'vitest';
import { decide } from './admission.ts';
import type { CompiledPolicy } from './compile.ts';
import type { Label } from './model.ts';
import { example } from './testing/examples.ts';
import { AL } from './testing/reference.ts';

/**
 * T2 over the example, whole: every schedule in which its datacenters fail and recover while a client walks down what
 * it was told, decided by the real functions and judged by the reference model. Also over the file of February 2020,
 * which fails its check.
 */
const HOMES = ['us', 'eu', 'hk', 'cn'];
const NARROWINGS: (readonly string[] | null)[] = [null, ['us', 'hk'], ['cn', 'hk'], ['cn']];
const MOMENT = { now: 0 };

/** Every home with every evidence that its claim and later addresses can make up. */
const LABELS: Label[] = HOMES.flatMap((home) =>
  Array.from({ length: 2 ** HOMES.length }, (_, bits) => HOMES.filter((_, i) => bits & (1 << i)))
    .filter((evidence) => evidence.includes(home))
    .flatMap((evidence) => NARROWINGS.map((regions) => ({ home, evidence, regions }))),
);

/** Enough for each pair of secondaries to be drawn. */
const SESSIONS = Array.from({ length: 24 }, (_, n) => `session-${n}`);

interface State {
  /** A bit for each datacenter. */
  readonly down: number;
  /** What is left of the list; `next` of it is tried next. */
  readonly list: readonly string[];
}

/** Every datacenter that is ever tried, and every list that is ever told, over all schedules. */
function explore(p: CompiledPolicy, label: Label, jti: string): { tried: Set<string>; most: number } {
  const names = p.datacenterNames;
  const tried = new Set<string>();
  const seen = new Set<string>();
  let most = 0;
  const answers = new Map<string, readonly string[] | null>();
  /** Null: admitted. */
  const ask = (here: string, down: number): readonly string[] | null => {
    const isLive = (d: string) => (down & (1 << names.indexOf(d))) === 0;
    const decision = decide(p, label, here, isLive, { ...MOMENT, jti });
    if (decision.kind === 'admit') return null;
    if (decision.kind === 'refuse') return [];
    most = Math.max(most, decision.list.secondaries.length);
    return [...decision.list.primaries, ...decision.list.secondaries];
  };
  const told = (here: string, down: number): readonly string[] | null => {
    const key = `${here} ${down}`;
    const known = answers.get(key);
    if (known !== undefined) return known;
    const answer = ask(here, down);
    answers.set(key, answer);
    return answer;
  };
  const queue: State[] = [{ down: 0, list: [] }];
  for (let state = queue.pop(); state !== undefined; state = queue.pop()) {
    const key = `${state.down} ${state.list.join()}`;
    if (seen.has(key)) continue;
    seen.add(key);
    const { down, list } = state;
    for (const bit of names.keys()) queue.push({ down: down ^ (1 << bit), list });
    // Asked again, as whoever has come to the end of a list does.
    queue.push({ down, list: told('', down) ?? [] });
    const [next, ...rest] = list;
    if (next === undefined) continue;
    tried.add(next);
    const isUp = (down & (1 << names.indexOf(next))) === 0;
    queue.push({ down, list: (isUp ? told(next, down) : rest) ?? rest });
  }
  return { tried, most };
}

describe.each(['zoom-2020', 'zoom-2020-february'])('%s: in every schedule of failures', (name) => {
  const p = example(name);

  it.each(HOMES)(
    'a client of %s tries only what its label allows, and two secondaries of a list at most',
    (home) => {
      let tried = 0;
      for (const label of LABELS.filter((one) => one.home === home)) {
        const may = AL(p.policy, label);
        // Narrowed labels differ in what is left, not in how it is drawn.
        for (const jti of label.regions === null ? SESSIONS.slice(0, 6) : SESSIONS.slice(0, 1)) {
          const found = explore(p, label, jti);
          expect([...found.tried].filter((d) => !may.has(d))).toEqual([]);
          expect(found.most).toBeLessThanOrEqual(2);
          tried += found.tried.size;
        }
      }
      expect(tried).toBeGreaterThan(0);
    },
  );

  it('with all primaries of us down exactly two secondaries are listed, and each pair by some session', () => {
    const label = { home: 'us', evidence: ['us'], regions: null };
    const pairs = SESSIONS.map((jti) => {
      const decision = decide(p, label, '', (d) => !['sjc', 'iad'].includes(d), { ...MOMENT, jti });
      if (decision.kind !== 'redirect') throw new Error(decision.kind);
      expect(decision.list.primaries).toEqual([]);
      return [...decision.list.secondaries].sort().join();
    });
    expect([...new Set(pairs)].sort()).toEqual(['ams,fra', 'ams,hkg', 'fra,hkg']);
  });
});
