import { explainAllowed } from '../policy/allowed.ts';
import { compilePolicy } from '../policy/compile.ts';
import { didYouMean } from '../policy/suggest.ts';
import {
  EXIT,
  faultLine,
  faultOf,
  type Io,
  type LoadedPolicy,
  loadOrReport,
  paint,
  printJson,
} from './policy-io.ts';

/** `policy explain FILE --client REGION --datacenter DC`: is it allowed, by which rule, and where that stands. */
export function runExplain(
  io: Io,
  file: string,
  { client, datacenter, json }: { client: string; datacenter: string; json: boolean },
): void {
  const loaded = loadOrReport(io, file, json);
  if (loaded === null) return;
  const unknown = unknownNames(loaded, [client], [datacenter]);
  if (unknown.length > 0) {
    reportUnknown(io, file, unknown, json);
    return;
  }
  const { policy, positions } = loaded;
  const { allowed, rule, message, path } = explainAllowed(compilePolicy(policy), client, datacenter);
  const { line, column } = positions.key(path);
  const route = policy.routes.get(client);
  const listed = route?.primaries.includes(datacenter)
    ? 'primary'
    : route?.secondaries.includes(datacenter)
      ? 'secondary'
      : null;
  const exit = allowed ? EXIT.ok : EXIT.violation;
  if (json) {
    printJson(io, { exit, allowed, client, datacenter, rule, message, file, line, column, route: listed });
  } else {
    const word = paint(io, allowed ? 'green' : 'red', allowed ? 'allowed' : 'not allowed');
    io.out(`${client} → ${datacenter}: ${word}: ${message} (${file}:${line}:${column})\n`);
    const route =
      listed === null
        ? `the route of ${client} does not list it`
        : `the route of ${client} lists it as a ${listed}`;
    io.out(`  ${route}\n`);
  }
  io.exit(exit);
}

/** One sentence for each name that the policy does not define. */
export function unknownNames(
  { policy }: LoadedPolicy,
  regions: readonly string[],
  datacenters: readonly string[],
): string[] {
  const undefinedOf = (kind: string, names: readonly string[], known: ReadonlyMap<string, unknown>) =>
    names.flatMap((name) =>
      known.has(name) ? [] : [`the policy defines no ${kind} "${name}"${didYouMean(name, known.keys())}`],
    );
  return [
    ...undefinedOf('region', regions, policy.regions),
    ...undefinedOf('datacenter', datacenters, policy.datacenters),
  ];
}

export function reportUnknown(io: Io, file: string, unknown: readonly string[], json: boolean): void {
  if (json) printJson(io, { exit: EXIT.notPolicy, status: 'unknown-name', file, faults: unknown });
  else for (const message of unknown) io.out(faultLine(faultOf(file, 'unknown-name', message)));
  io.exit(EXIT.notPolicy);
}
