import type { Explanation } from '../policy/allowed.ts';
import { compilePolicy } from '../policy/compile.ts';
import { meet } from '../policy/meet.ts';
import { type Barred, barredOf, type Outcome, outcomes, simulate } from '../policy/simulate.ts';
import { reportUnknown, unknownNames } from './policy-explain.ts';
import { EXIT, type Io, type LoadedPolicy, loadOrReport, paint, printJson } from './policy-io.ts';

/** `policy simulate FILE --client REGION [--down a,b]`: the order of attempts, or with `--all` every outcome. */
export function runSimulate(
  io: Io,
  file: string,
  options: { client: string; down: readonly string[]; jti: string; all: boolean; json: boolean },
): void {
  const { client, json } = options;
  const loaded = loadOrReport(io, file, json);
  if (loaded === null) return;
  const unknown = unknownNames(loaded, [client], options.down);
  if (unknown.length > 0) {
    reportUnknown(io, file, unknown, json);
    return;
  }
  const p = compilePolicy(loaded.policy);
  const down = new Set(options.down);
  if (options.all) {
    const found = outcomes(p, client, down);
    const barred = barredOf(p, client);
    const exit = found.some(({ served }) => served !== null) ? EXIT.ok : EXIT.violation;
    if (json) printJson(io, { exit, client, down: options.down, outcomes: found, barred });
    else {
      for (const outcome of found) io.out(`${outcomeLine(io, outcome, down)}\n`);
      printBarred(io, loaded, barred);
    }
    io.exit(exit);
    return;
  }
  const simulation = simulate(p, client, down, options.jti);
  const exit = simulation.served === null ? EXIT.violation : EXIT.ok;
  if (json) printJson(io, { exit, client, down: options.down, ...simulation });
  else {
    for (const [i, { as, datacenter, outcome }] of simulation.attempts.entries()) {
      const style = outcome === 'served' ? 'green' : 'yellow';
      io.out(`${i + 1}. ${as.padEnd(9)} ${datacenter}: ${paint(io, style, outcome)}\n`);
    }
    if (simulation.drawn.length > 0) io.out(`secondaries drawn: ${simulation.drawn.join(', ')}\n`);
    if (simulation.served === null)
      io.out(`${paint(io, 'red', 'refused')}: no datacenter that may serve ${client} is up\n`);
    printBarred(io, loaded, simulation.barred);
  }
  io.exit(exit);
}

function outcomeLine(io: Io, { served, as, needs }: Outcome, down: ReadonlySet<string>): string {
  const more = needs.filter((d) => !down.has(d));
  const when = more.length === 0 ? '' : `, when ${more.join(', ')} ${more.length === 1 ? 'is' : 'are'} down`;
  if (served === null) return `${paint(io, 'red', 'refused')}${when}`;
  const drawn = as === 'secondary' ? ' and it is drawn' : '';
  return `${as} ${paint(io, 'green', served)}${when}${when === '' && drawn !== '' ? ', when it is drawn' : drawn}`;
}

function printBarred(io: Io, loaded: LoadedPolicy, barred: readonly Barred[]): void {
  for (const { datacenter, as, why } of barred) {
    io.out(`never ${as} ${paint(io, 'red', datacenter)}: ${reasonAt(loaded, why)}\n`);
  }
}

/** `policy meet FILE REGION…`: where such a room can sit, or why nowhere (exit 0, 1 or 2). */
export function runMeet(io: Io, file: string, regions: readonly string[], { json }: { json: boolean }): void {
  const loaded = loadOrReport(io, file, json);
  if (loaded === null) return;
  const unknown = unknownNames(loaded, regions, []);
  if (unknown.length > 0) {
    reportUnknown(io, file, unknown, json);
    return;
  }
  const meeting = meet(compilePolicy(loaded.policy), regions);
  const exit = meeting.possible ? EXIT.ok : EXIT.violation;
  if (json) printJson(io, { exit, regions, ...meeting });
  else {
    const word = paint(io, meeting.possible ? 'green' : 'red', meeting.possible ? 'can meet' : 'cannot meet');
    io.out(`${regions.join(', ')}: ${word}\n`);
    io.out(`  allowed for everyone: ${meeting.common.join(', ') || 'nowhere'}\n`);
    for (const { region, datacenters } of meeting.seats) {
      io.out(
        `  ${region} sits at: ${datacenters.join(', ') || paint(io, 'red', 'nowhere: its route lists none of them')}\n`,
      );
    }
    if (meeting.together.length > 0) io.out(`  all in one place: ${meeting.together.join(', ')}\n`);
    for (const { datacenter, why } of meeting.barred) {
      io.out(`  not ${datacenter}, for ${why.client}: ${reasonAt(loaded, why)}\n`);
    }
  }
  io.exit(exit);
}

/** The rule's sentence and where it stands. */
function reasonAt({ positions }: LoadedPolicy, why: Explanation): string {
  const { line, column } = positions.key(why.path);
  return `${why.message} (${positions.file}:${line}:${column})`;
}
