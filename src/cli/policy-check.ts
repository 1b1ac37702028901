import { checkApart } from '../policy/apart.ts';
import type { Fault } from '../policy/model.ts';
import { type Certificate, check, type Violation } from '../policy/prove.ts';
import { expiryWarning } from '../policy/warnings.ts';
import {
  count,
  EXIT,
  faultLine,
  type Io,
  type LoadedPolicy,
  loadPolicy,
  paint,
  printable,
  printJson,
  printWarnings,
} from './policy-io.ts';

interface FileReport {
  readonly file: string;
  readonly status: 'holds' | 'violated' | 'not-a-policy';
  readonly faults: readonly Fault[];
  readonly violations: readonly Violation[];
  readonly warnings: readonly Fault[];
  readonly certificate: Certificate | null;
}

/** `policy check FILE…`: T1 of each file, and that the clouds among them share nothing. */
export function runCheck(io: Io, files: readonly string[], { json }: { json: boolean }, now: number): void {
  const loaded: LoadedPolicy[] = [];
  const reports = files.map((file): FileReport => {
    const result = loadPolicy(file);
    const empty = { file, faults: [], violations: [], warnings: [], certificate: null };
    if (!result.ok) return { ...empty, status: 'not-a-policy', faults: result.faults };
    loaded.push(result);
    const proof = check(result);
    const warnings = [...result.warnings, ...expiryWarning(result.policy, result.positions, now)];
    return proof.holds
      ? { ...empty, status: 'holds', warnings, certificate: proof.certificate }
      : { ...empty, status: 'violated', warnings, violations: proof.violations };
  });
  const shared = checkApart(loaded);
  if (json) printJson(io, { exit: codeOf(reports, shared), files: reports, shared });
  else print(io, reports, shared, loaded);
  io.exit(codeOf(reports, shared));
}

function codeOf(reports: readonly FileReport[], shared: readonly Violation[]): number {
  if (reports.some((r) => r.status === 'not-a-policy')) return EXIT.notPolicy;
  return shared.length > 0 || reports.some((r) => r.status === 'violated') ? EXIT.violation : EXIT.ok;
}

function print(
  io: Io,
  reports: readonly FileReport[],
  shared: readonly Violation[],
  loaded: readonly LoadedPolicy[],
) {
  for (const { file, status, faults, violations, warnings, certificate } of reports) {
    printWarnings(io, warnings);
    for (const finding of [...faults, ...violations]) io.out(faultLine(finding));
    if (status === 'violated')
      io.err(
        `${printable(file)}: ${paint(io, 'red', 'refused', 'err')}: ${count(violations.length, 'violation')}\n`,
      );
    if (status === 'not-a-policy')
      io.err(
        `${printable(file)}: ${paint(io, 'red', 'not a policy', 'err')}: ${count(faults.length, 'fault')}\n`,
      );
    if (certificate !== null) {
      const { cloud, version, policy, facts } = certificate;
      const proved = `${count(facts.length, 'route entry', 'route entries')}, each admitted by its fences`;
      io.out(
        `${printable(file)}: ${paint(io, 'green', 'holds')}: ${cloud} ${version}, ${proved}; ${policy}\n`,
      );
    }
  }
  for (const violation of shared) io.out(faultLine(violation));
  const clouds = new Set(loaded.map((l) => l.policy.cloud));
  if (clouds.size > 1 && shared.length === 0) {
    io.out(`${[...clouds].join(', ')}: ${paint(io, 'green', 'share nothing')}\n`);
  }
}
