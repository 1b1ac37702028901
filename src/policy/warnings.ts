import { judge } from './fence.ts';
import type { Fault, Path, Policy, Positions } from './model.ts';

/** What a policy may say and its author may not have meant; none of it lets anyone in. */
export function warningsOf(policy: Policy, positions: Positions): Fault[] {
  const found: Fault[] = [];
  const warn = (path: Path, code: string, message: string) =>
    found.push({ file: positions.file, ...positions.key(path), code, message });
  for (const name of policy.regions.keys()) {
    const route = policy.routes.get(name);
    if (route === undefined) {
      warn(['regions', name], 'no-route', `region ${name} has no route: its clients are refused`);
    } else if (route.secondaries.length < 2) {
      const count = route.secondaries.length === 0 ? 'no secondaries' : 'one secondary';
      warn(
        ['routes', name],
        'few-secondaries',
        `the route of ${name} has ${count}: two are drawn for each session`,
      );
    }
  }
  for (const [name, others] of apart(policy)) {
    const shown =
      others.length > 8
        ? `${others.slice(0, 8).join(', ')} and ${others.length - 8} more`
        : others.join(', ');
    warn(
      ['regions', name],
      'never-meet',
      `clients of ${name} can never be in a room with clients of ${shown}`,
    );
  }
  return found.sort((a, b) => a.line - b.line || a.column - b.column);
}

/** Pairs of client regions with routes that have no room: one of them has no seat in what both are allowed. */
function apart(policy: Policy): [string, string[]][] {
  const names = [...policy.regions.keys()].filter((name) => policy.routes.has(name));
  const numbers = new Map([...policy.datacenters.keys()].map((name, i) => [name, i]));
  const seats = names.map((name) => {
    const route = policy.routes.get(name);
    const listed = route === undefined ? [] : [...route.primaries, ...route.secondaries];
    return Uint32Array.from(listed.flatMap((d) => numbers.get(d) ?? []));
  });
  const reach = names.map((name) =>
    Uint8Array.from([...numbers.keys()], (d) => (judge(policy, name, d).allowed ? 1 : 0)),
  );
  const seated = (a: number, b: number) => {
    const mine = reach[a];
    const theirs = reach[b];
    return seats[a]?.some((d) => mine?.[d] === 1 && theirs?.[d] === 1) ?? false;
  };
  return names.flatMap((name, a): [string, string[]][] => {
    const others = names.filter((_, b) => b > a && !(seated(a, b) && seated(b, a)));
    return others.length === 0 ? [] : [[name, others]];
  });
}
