import { allowed, type Explanation, explainAllowed } from './allowed.ts';
import type { CompiledPolicy } from './compile.ts';
import type { Label } from './model.ts';
import { route } from './routing.ts';

/** One line of a client's way: what it tried, and what came of it. */
export interface Attempt {
  readonly datacenter: string;
  readonly as: 'primary' | 'secondary';
  readonly outcome: 'down' | 'served';
}

/** An entry of the route that the fences keep out of every list. */
export interface Barred {
  readonly datacenter: string;
  readonly as: 'primary' | 'secondary';
  readonly why: Explanation;
}

export interface Simulation {
  readonly attempts: readonly Attempt[];
  /** The two secondaries that the client is given, best first; the second is tried when the first fails too. */
  readonly drawn: readonly string[];
  /** Where the client ends up; null when it is refused. */
  readonly served: string | null;
  readonly barred: readonly Barred[];
}

/**
 * A client of `client`, holding a list made before the datacenters in `down` failed: it tries its primaries in
 * turn, and then asks again and is given two secondaries of those that are up.
 */
export function simulate(
  p: CompiledPolicy,
  client: string,
  down: ReadonlySet<string>,
  jti: string,
): Simulation {
  const attempts: Attempt[] = [];
  const label: Label = { home: client, evidence: [client], regions: null };
  const drawn = route(p, label, (d) => !down.has(d), jti).secondaries;
  const finish = (served: string | null): Simulation => ({
    attempts,
    drawn,
    served,
    barred: barredOf(p, client),
  });
  const primaries = p.policy.routes.get(client)?.primaries.filter((d) => allowed(p, client, d)) ?? [];
  for (const datacenter of primaries) {
    const outcome = down.has(datacenter) ? 'down' : 'served';
    attempts.push({ datacenter, as: 'primary', outcome });
    if (outcome === 'served') return finish(datacenter);
  }
  const [datacenter] = drawn;
  if (datacenter === undefined) return finish(null);
  attempts.push({ datacenter, as: 'secondary', outcome: 'served' });
  return finish(datacenter);
}

/** One way a client's search can end, and the failures without which it ends sooner. */
export interface Outcome {
  readonly served: string | null;
  readonly as: 'primary' | 'secondary' | null;
  /** All of these are down. */
  readonly needs: readonly string[];
}

/** Every outcome over every further failure and every draw, in the order in which failures make them likely. */
export function outcomes(p: CompiledPolicy, client: string, down: ReadonlySet<string>): Outcome[] {
  const listed = p.policy.routes.get(client);
  const may = (names: readonly string[] | undefined) => names?.filter((d) => allowed(p, client, d)) ?? [];
  const primaries = may(listed?.primaries);
  const secondaries = may(listed?.secondaries);
  const found: Outcome[] = [];
  for (const [i, served] of primaries.entries()) {
    if (!down.has(served)) found.push({ served, as: 'primary', needs: primaries.slice(0, i) });
  }
  for (const served of secondaries) {
    if (!down.has(served)) found.push({ served, as: 'secondary', needs: primaries });
  }
  found.push({ served: null, as: null, needs: [...primaries, ...secondaries] });
  return found;
}

/** Entries of the client's route that are not allowed, with the rule that bars each. */
export function barredOf(p: CompiledPolicy, client: string): Barred[] {
  const listed = p.policy.routes.get(client);
  return (['primary', 'secondary'] as const).flatMap((as) =>
    (listed?.[as === 'primary' ? 'primaries' : 'secondaries'] ?? [])
      .filter((datacenter) => !allowed(p, client, datacenter))
      .map((datacenter) => ({ datacenter, as, why: explainAllowed(p, client, datacenter) })),
  );
}
