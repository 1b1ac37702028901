import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide } from './admission.ts';
import { allowed, allowedForLabel, allowedSet, explainAllowed } from './allowed.ts';
import { compilePolicy } from './compile.ts';
import { diffPolicies } from './diff.ts';
import { canonicalPolicy, digestOf } from './digest.ts';
import { narrow } from './label.ts';
import type { Policy } from './model.ts';
import { parsePolicy } from './parse.ts';
import { printPolicy } from './print.ts';
import { check } from './prove.ts';
import { admitToRoom, common } from './room.ts';
import { route } from './routing.ts';
import { labels, policies, SMALL_COUNTRIES, sites, someSites } from './testing/arbitrary.ts';
import * as reference from './testing/reference.ts';

const nowhere = {
  file: 'p.yaml',
  key: () => ({ line: 1, column: 1 }),
  value: () => ({ line: 1, column: 1 }),
};
const holds = (policy: Policy) => check({ policy, positions: nowhere }).holds;
const NOW = 0;

describe('the one predicate and the reference agree', () => {
  it('on A(c) and A(L), for every policy', () => {
    fc.assert(
      fc.property(policies(), labels(), sites, (policy, label, d) => {
        const p = compilePolicy(policy);
        expect(allowed(p, label.home, d)).toBe(reference.A(policy, label.home).has(d));
        expect(allowedForLabel(p, label, d)).toBe(reference.AL(policy, label).has(d));
        expect(explainAllowed(p, label, d).allowed).toBe(allowedForLabel(p, label, d));
        expect(new Set(allowedSet(p, label))).toEqual(reference.AL(policy, label));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('T1', () => {
  it('check accepts exactly when no schedule of failures leads outside the fences', () => {
    let accepted = 0;
    let refused = 0;
    fc.assert(
      fc.property(policies({ regions: 3, datacenters: 4 }), (policy) => {
        const expected = reference.holds(policy);
        expect(holds(policy)).toBe(expected);
        if (expected) accepted++;
        else refused++;
      }),
      { numRuns: 600 },
    );
    // Both answers were really tried.
    expect(accepted).toBeGreaterThan(5);
    expect(refused).toBeGreaterThan(5);
  });

  it('each counterexample is a schedule that the search finds too', () => {
    fc.assert(
      fc.property(policies({ regions: 3, datacenters: 4 }), (policy) => {
        const proof = check({ policy, positions: nowhere });
        if (proof.holds) return;
        const found = new Set(proof.violations.map((v) => `${v.client} ${v.datacenter}`));
        const searched = [...policy.routes.keys()].flatMap((c) =>
          [...reference.tried(policy, c)]
            .filter((d) => !reference.F(policy, c).has(d))
            .map((d) => `${c} ${d}`),
        );
        expect(found).toEqual(new Set(searched));
      }),
      { numRuns: 300 },
    );
  });
});

describe('decisions keep the fence, for policies that fail check too', () => {
  it('admission', () => {
    fc.assert(
      fc.property(policies(), labels(), sites, someSites, fc.string(), (policy, label, here, down, jti) => {
        const p = compilePolicy({ ...policy, expires: null });
        const live = (d: string) => !down.includes(d);
        const decision = decide(p, label, here, live, { jti, now: NOW });
        const inside = reference.AL(policy, label);
        const listed = [...reference.P(policy, label.home), ...reference.S(policy, label.home)];
        const seats = listed.filter((d) => inside.has(d));
        switch (decision.kind) {
          case 'admit':
            expect(seats).toContain(here);
            break;
          case 'redirect': {
            const { primaries, secondaries } = decision.list;
            expect(seats).not.toContain(here);
            expect(primaries).toEqual(
              reference.P(policy, label.home).filter((d) => inside.has(d) && live(d)),
            );
            const pool = reference.S(policy, label.home).filter((d) => inside.has(d) && live(d));
            expect(new Set(secondaries).size).toBe(Math.min(2, pool.length));
            for (const d of secondaries) expect(pool).toContain(d);
            expect(primaries.length + secondaries.length).toBeGreaterThan(0);
            break;
          }
          case 'refuse':
            expect(seats.filter(live)).toEqual([]);
            expect(decision.retry).toBe(seats.length > 0);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it('rooms: everyone is seated in common, or the newcomer is refused', () => {
    const member = fc.record({ label: labels(), seat: sites });
    const question = fc.record({
      members: fc.array(member, { maxLength: 3 }),
      newcomer: labels(),
      down: someSites,
      moves: fc.boolean(),
      regions: fc.option(fc.subarray(['us', 'eu', 'cn', 'hk'])),
    });
    fc.assert(
      fc.property(policies(), question, (policy, { members, newcomer, down, moves, regions }) => {
        const p = compilePolicy(policy);
        const live = (d: string) => !down.includes(d);
        const verdict = admitToRoom(p, {
          members: members.map((m, i) => ({ ...m, id: `${i}`, jti: `${i}` })),
          newcomer: { label: newcomer, jti: 'n' },
          regions,
          live,
          moves,
        });
        const everyone = [...members.map((m) => m.label), newcomer];
        const shared = [...policy.datacenters.keys()].filter(
          (d) =>
            everyone.every((label) => reference.AL(policy, label).has(d)) &&
            [regions, newcomer.regions].every(
              (n) => n === null || n.includes(reference.regionOf(policy, d) ?? ''),
            ),
        );
        const seatsOf = (home: string) =>
          [...reference.P(policy, home), ...reference.S(policy, home)].filter(
            (d) => shared.includes(d) && live(d),
          );
        const outside = members.filter((m) => !shared.includes(m.seat));
        const possible = everyone.every((label) => seatsOf(label.home).length > 0);
        const admitted = possible && (moves || outside.length === 0);
        expect(verdict.kind).toBe(admitted ? 'admit' : 'refuse');
        if (verdict.kind === 'refuse') return;
        expect(verdict.common).toEqual(shared);
        expect(verdict.moves).toHaveLength(outside.length);
        for (const list of [verdict.list, ...verdict.moves.map((m) => m.list)]) {
          for (const d of [...list.primaries, ...list.secondaries]) expect(shared).toContain(d);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('common only shrinks with members; for no labels it is every datacenter', () => {
    fc.assert(
      fc.property(policies(), fc.array(labels(), { maxLength: 4 }), labels(), (policy, some, more) => {
        const p = compilePolicy(policy);
        const before = common(p, some);
        for (const d of common(p, [...some, more])) expect(before).toContain(d);
      }),
    );
  });

  it('narrowing never admits', () => {
    fc.assert(
      fc.property(
        policies(),
        labels(),
        fc.subarray(['us', 'eu', 'cn', 'hk']),
        sites,
        (policy, label, n, d) => {
          const p = compilePolicy(policy);
          if (!allowedForLabel(p, label, d)) expect(allowedForLabel(p, narrow(label, n), d)).toBe(false);
        },
      ),
    );
  });

  it('more evidence never admits', () => {
    fc.assert(
      fc.property(policies(), labels(), fc.constantFrom('us', 'eu', 'cn', 'xx'), (policy, label, region) => {
        const p = compilePolicy(policy);
        const before = new Set(allowedSet(p, label));
        for (const d of allowedSet(p, { ...label, evidence: [...label.evidence, region] })) {
          expect(before.has(d)).toBe(true);
        }
      }),
    );
  });

  it('adding a route entry never widens what the fences admit', () => {
    fc.assert(
      fc.property(policies(), labels(), sites, someSites, (policy, label, extra, down) => {
        const old = policy.routes.get(label.home);
        if (old === undefined || !policy.datacenters.has(extra)) return;
        const grown = { ...old, secondaries: [...new Set([...old.secondaries, extra])] };
        const p = compilePolicy({ ...policy, routes: new Map([...policy.routes, [label.home, grown]]) });
        const { primaries, secondaries } = route(p, label, (d) => !down.includes(d), 'j');
        for (const d of [...primaries, ...secondaries]) expect(reference.AL(policy, label).has(d)).toBe(true);
      }),
    );
  });
});

describe('diff', () => {
  const pair = fc.oneof(
    fc.tuple(policies(), policies()),
    // Near misses: one part of one policy taken over into another.
    fc
      .tuple(policies(), policies(), fc.constantFrom('routes', 'unknown', 'conflict', 'closed', 'weightless'))
      .filter(([a, b]) => [...a.regions.keys()].join() === [...b.regions.keys()].join())
      .filter(([a, b]) => [...a.datacenters.keys()].join() === [...b.datacenters.keys()].join())
      .map(([a, b, part]): [Policy, Policy] => [
        a,
        part === 'weightless' ? { ...a, version: b.version } : { ...a, [part]: b[part] },
      ]),
  );

  it('widens exactly when the reference model reaches more', () => {
    let wider = 0;
    let same = 0;
    fc.assert(
      fc.property(pair, ([before, after]) => {
        const old = reference.reach(before, SMALL_COUNTRIES);
        const now = reference.reach(after, SMALL_COUNTRIES);
        const expected = [...now].some((r) => !old.has(r));
        expect(diffPolicies(before, after).widens).toBe(expected);
        if (expected) wider++;
        else same++;
      }),
      { numRuns: 1000 },
    );
    expect(wider).toBeGreaterThan(20);
    expect(same).toBeGreaterThan(20);
  });

  it('finds nothing between a policy and itself', () => {
    fc.assert(
      fc.property(policies(), (policy) => {
        expect(diffPolicies(policy, policy)).toMatchObject({
          widens: false,
          gained: [],
          lost: [],
          identities: [],
        });
      }),
    );
  });
});

describe('positions', () => {
  it('point at the offending text, wherever it stands', () => {
    fc.assert(
      fc.property(policies(), fc.nat(), (policy, pick) => {
        const text = printPolicy(policy);
        const names = [...text.matchAll(/(?<=[[ ])(?:sjc|fra|sha|hkg|tsn|us|eu|cn|hk)(?=[\],])/g)];
        const chosen = names[pick % Math.max(1, names.length)];
        if (chosen === undefined) return;
        const broken = `${text.slice(0, chosen.index)}zz${text.slice(chosen.index + chosen[0].length)}`;
        const result = parsePolicy(broken, 'p.yaml');
        if (result.ok) throw new Error('accepted an undefined name');
        const offsets = result.faults.map(({ line, column }) => {
          const before = broken.split('\n').slice(0, line - 1);
          return before.reduce((sum, l) => sum + l.length + 1, 0) + column - 1;
        });
        expect(offsets).toContain(chosen.index);
      }),
      { numRuns: 300 },
    );
  });
});

describe('parse and print', () => {
  it('parse(print(p)) = p, and the digest is that of the meaning', () => {
    fc.assert(
      fc.property(policies(), (policy) => {
        const result = parsePolicy(printPolicy(policy), 'p.yaml');
        if (!result.ok)
          throw new Error(result.faults.map((f) => `${f.line}:${f.column} ${f.message}`).join('\n'));
        expect(result.policy).toEqual(policy);
        expect(canonicalPolicy(result.policy)).toBe(canonicalPolicy(policy));
        expect(digestOf({ ...policy, version: policy.version + 1 })).not.toBe(digestOf(policy));
      }),
      { numRuns: 500 },
    );
  });
});
