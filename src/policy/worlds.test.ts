import { describe, expect, it } from 'vitest';
import { decide } from './admission.ts';
import { allowedForLabel } from './allowed.ts';
import type { CompiledPolicy } from './compile.ts';
import { widenEvidence } from './label.ts';
import type { Label } from './model.ts';
import { admitToRoom, common } from './room.ts';
import { compiled } from './testing/examples.ts';
import { AL } from './testing/reference.ts';

/**
 * T2 for the pure part: every state of small worlds (3 regions, 4 datacenters, 3 members of one room) that joins,
 * leaves, failures, moves, new evidence and policy switches lead to, decided by the real functions and judged by
 * the reference model. The policies are chosen to fail `check` as well as hold.
 */
const DATACENTERS = ['a', 'b', 'c', 'd'];
const HOMES = ['x', 'y', 'z'];
const COUNTRY: Readonly<Record<string, string>> = { x: 'US', y: 'DE', z: 'CN' };

interface Shape {
  readonly admits: readonly [x: string, y: string, z: string];
  readonly confined?: string;
  readonly routes: readonly [x: string, y: string, z: string];
  readonly closed?: string;
}

/** x has a and b, y has c, z has d. A route is `primaries / secondaries`. */
function world({ admits, confined, routes, closed }: Shape): CompiledPolicy {
  const list = (names: string | undefined) =>
    `[${(names ?? '').trim().split(/\s+/).filter(Boolean).join(', ')}]`;
  const region = (name: string, i: number) =>
    `  ${name}: { countries: [${COUNTRY[name]}], admits: ${admits[i] === 'any' ? 'any' : list(admits[i])}, confined: ${confined === name} }`;
  const route = (name: string, i: number) => {
    const [primaries, secondaries] = (routes[i] ?? '').split('/');
    return `  ${name}: { primaries: ${list(primaries)}, secondaries: ${list(secondaries)} }`;
  };
  const site = (name: string, i: number) =>
    `  ${name}: { region: ${['x', 'x', 'y', 'z'][i]}, url: "wss://${name}.example" }`;
  return compiled(
    [
      'version: 1\ncloud: w\nregions:',
      ...HOMES.map(region),
      'datacenters:',
      ...DATACENTERS.map(site),
      'routes:',
      ...HOMES.map(route),
      `closed: ${list(closed)}`,
    ].join('\n'),
  );
}

interface Member {
  readonly label: Label;
  readonly seat: string;
}
/** Members by their place (the home is that of the place; null for not there), and which policy the node runs. */
interface State {
  readonly members: readonly (Member | null)[];
  readonly policy: number;
}

const everyDown = Array.from({ length: 16 }, (_, bits) => DATACENTERS.filter((_, i) => bits & (1 << i)));

class World {
  readonly policies: readonly CompiledPolicy[];
  readonly seen = new Set<string>();
  transitions = 0;

  constructor(policies: readonly CompiledPolicy[]) {
    this.policies = policies;
  }

  /** Visits every reachable state; `inspect` is called once for each. */
  explore(inspect: (p: CompiledPolicy, members: readonly Member[]) => void): void {
    const queue: State[] = [{ members: [null, null, null], policy: 0 }];
    for (let state = queue.pop(); state !== undefined; state = queue.pop()) {
      const key = JSON.stringify(state);
      if (this.seen.has(key)) continue;
      this.seen.add(key);
      inspect(this.#policyOf(state), present(state));
      for (const next of this.#steps(state)) {
        this.transitions++;
        queue.push(next);
      }
    }
  }

  #policyOf(state: State): CompiledPolicy {
    const p = this.policies[state.policy];
    if (p === undefined) throw new Error('no such policy');
    return p;
  }

  *#steps(state: State): Generator<State> {
    for (const [policy] of this.policies.entries())
      if (policy !== state.policy) yield this.#switched({ ...state, policy });
    for (const [place, member] of state.members.entries()) {
      if (member === null) {
        for (const narrowing of [null, ['x', 'y']]) {
          const home = HOMES[place] ?? '';
          const label: Label = { home, evidence: [home], regions: narrowing };
          for (const here of DATACENTERS)
            for (const down of everyDown) yield* this.#joined(state, place, label, here, down);
        }
        continue;
      }
      yield { ...state, members: state.members.with(place, null) };
      for (const region of HOMES) {
        const wider = widenEvidence(this.#policyOf(state), member.label, {
          kind: 'country',
          country: COUNTRY[region] ?? '',
        });
        if (!wider.ok) throw new Error('these policies have conflict: both');
        if (wider.label !== member.label)
          for (const down of everyDown) yield* this.#relabelled(state, place, wider.label, down);
      }
    }
    for (const down of DATACENTERS) {
      yield { ...state, members: state.members.map((m) => (m?.seat === down ? null : m)) };
    }
  }

  /** Admission at a node, and then into the room there. */
  *#joined(
    state: State,
    place: number,
    label: Label,
    here: string,
    down: readonly string[],
  ): Generator<State> {
    const p = this.#policyOf(state);
    const live = (d: string) => !down.includes(d);
    const decision = decide(p, label, here, live, { jti: `${place}`, now: 0 });
    if (decision.kind !== 'admit') return;
    yield* this.#entered(state, place, label, down, (list) => (list.includes(here) ? here : list[0]));
  }

  /** A label changed: what it forbids closes first, and then the member counts as the newcomer. */
  *#relabelled(state: State, place: number, label: Label, down: readonly string[]): Generator<State> {
    const left = { ...state, members: state.members.with(place, null) };
    let seated = false;
    for (const next of this.#entered(left, place, label, down, (list) => list[0])) {
      seated = true;
      yield next;
    }
    if (!seated) yield left;
  }

  *#entered(
    state: State,
    place: number,
    label: Label,
    down: readonly string[],
    choose: (list: readonly string[]) => string | undefined,
  ): Generator<State> {
    const p = this.#policyOf(state);
    const verdict = admitToRoom(p, {
      members: state.members.flatMap((m, i) =>
        m === null ? [] : [{ id: `${i}`, label: m.label, seat: m.seat, jti: `${i}` }],
      ),
      newcomer: { label, jti: `${place}` },
      regions: null,
      live: (d) => !down.includes(d),
      moves: true,
    });
    if (verdict.kind === 'refuse') return;
    const seat = choose([...verdict.list.primaries, ...verdict.list.secondaries]);
    if (seat === undefined) throw new Error('admitted without a seat');
    const members = state.members.map((m, i) => {
      const move = verdict.moves.find((v) => v.id === `${i}`);
      const to = move === undefined ? m?.seat : [...move.list.primaries, ...move.list.secondaries][0];
      return m === null || to === undefined ? m : { label: m.label, seat: to };
    });
    yield { ...state, members: members.with(place, { label, seat }) };
  }

  /** After a switch: whoever sits where it may not, or outside what is common now, is re-seated or removed. */
  #switched(state: State): State {
    const p = this.#policyOf(state);
    let settled: State = { ...state, members: [null, null, null] };
    for (const [place, member] of state.members.entries()) {
      if (member === null) continue;
      const [next] = this.#entered(settled, place, member.label, [], (list) =>
        list.includes(member.seat) ? member.seat : list[0],
      );
      if (next !== undefined && allowedForLabel(p, member.label, next.members[place]?.seat ?? ''))
        settled = next;
    }
    return settled;
  }
}

const present = (state: State) => state.members.filter((m) => m !== null);

/** What the media layer opens: each member's own seat, and a pipe to each other seat where its label may go. */
function legsOf(p: CompiledPolicy, members: readonly Member[]): { label: Label; datacenter: string }[] {
  const seats = new Set(members.map((m) => m.seat));
  return members.flatMap(({ label, seat }) =>
    [...seats]
      .filter((d) => d === seat || allowedForLabel(p, label, d))
      .map((datacenter) => ({ label, datacenter })),
  );
}

const OPEN: Shape = { admits: ['any', 'any', 'z'], routes: ['a b / c', 'c / a b', 'd / c a'] };
const CASES: [string, Shape, Shape][] = [
  ['a closed region, and the mistake', OPEN, { ...OPEN, routes: ['a / b d', 'c / d', 'd / c'] }],
  ['primaries in the fence', { ...OPEN, routes: ['d / a', 'd c / ', 'd / b'] }, OPEN],
  ['a confined region', { ...OPEN, confined: 'y' }, { ...OPEN, confined: 'x', admits: ['x y', 'y', 'any'] }],
  ['the emergency brake', { ...OPEN, closed: 'a c' }, { ...OPEN, admits: ['any', 'x y', 'z'] }],
];

describe('every state of small worlds keeps the fence', () => {
  it.each(CASES)(
    '%s',
    (_, first, second) => {
      const w = new World([world(first), world(second)]);
      let crowded = 0;
      w.explore((p, members) => {
        if (members.length === 3) crowded++;
        const shared = common(
          p,
          members.map((m) => m.label),
        );
        for (const { seat } of members) {
          if (!shared.includes(seat)) throw new Error(`outside common: ${JSON.stringify(members)}`);
        }
        for (const { label, datacenter } of legsOf(p, members)) {
          if (!AL(p.policy, label).has(datacenter))
            throw new Error(`forbidden leg to ${datacenter}: ${JSON.stringify(members)}`);
        }
      });
      expect(w.seen.size).toBeGreaterThan(100);
      expect(w.transitions).toBeGreaterThan(1000);
      expect(crowded).toBeGreaterThan(0);
    },
    120_000,
  );
});
