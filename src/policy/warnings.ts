import { tableOf } from './compile.ts';
import type { Fault, Path, Policy, Positions } from './model.ts';

/** An enrolment key, as `watershed node enrol` and a datacenter's certificate have it. */
const ENROLMENT_KEY = /^ed25519:[A-Za-z0-9_-]{43}$/;

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
  for (const { name, key } of policy.datacenters.values()) {
    if (key === null || ENROLMENT_KEY.test(key)) continue;
    warn(
      ['datacenters', name, 'key'],
      'key-form',
      `the key of ${name} is not ed25519:…: no node can register there`,
    );
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

/** How long before it expires a policy is warned of, in ms. */
export const EXPIRY_WARNING_MS = 30 * 86_400_000;

/** That the policy has expired at `now` (ms since the epoch), or will soon. */
export function expiryWarning({ expires }: Policy, positions: Positions, now: number): Fault[] {
  if (expires === null || expires - now > EXPIRY_WARNING_MS) return [];
  const at = new Date(expires).toISOString();
  const message =
    now < expires
      ? `the policy expires at ${at}: nobody new is admitted from then on`
      : `the policy expired at ${at}: nobody new is admitted`;
  return [{ file: positions.file, ...positions.value(['expires']), code: 'expires', message }];
}

/** Pairs of client regions with routes that have no room: one of them has no seat in what both are allowed. */
function apart(policy: Policy): [string, string[]][] {
  const table = tableOf(policy);
  const width = policy.datacenters.size;
  const numbers = new Map([...policy.datacenters.keys()].map((name, i) => [name, i]));
  const routed = [...policy.regions.keys()].flatMap((name, number) => {
    const route = policy.routes.get(name);
    if (route === undefined) return [];
    const listed = [...route.primaries, ...route.secondaries].flatMap((d) => numbers.get(d) ?? []);
    // Seats that are not allowed at all can never be where two meet.
    return [{ name, row: number * width, seats: listed.filter((d) => table[number * width + d] === 1) }];
  });
  const seated = (a: (typeof routed)[number], b: (typeof routed)[number]) =>
    a.seats.some((d) => table[b.row + d] === 1);
  return routed.flatMap((one, i): [string, string[]][] => {
    const others = routed.slice(i + 1).filter((other) => !(seated(one, other) && seated(other, one)));
    return others.length === 0 ? [] : [[one.name, others.map((other) => other.name)]];
  });
}
