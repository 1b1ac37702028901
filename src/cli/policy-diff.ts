import { diffPolicies, type PolicyDiff, type ReachChange } from '../policy/diff.ts';
import type { Policy } from '../policy/model.ts';
import { check } from '../policy/prove.ts';
import { count, EXIT, faultLine, type Io, loadOrReport, paint, printable, printJson } from './policy-io.ts';

/** `policy diff OLD NEW`: what NEW lets processed where that OLD does not, and the reverse. */
export function runDiff(
  io: Io,
  before: string,
  after: string,
  { json, markdown }: { json: boolean; markdown: boolean },
): void {
  const old = loadOrReport(io, before, json);
  const now = old === null ? null : loadOrReport(io, after, json);
  if (old === null || now === null) return;
  if (old.policy.cloud !== now.policy.cloud) {
    const { line, column } = now.positions.value(['cloud']);
    const message = `the cloud is ${now.policy.cloud}, and that of ${before} is ${old.policy.cloud}: no path leads from one to the other`;
    const fault = { file: after, line, column, code: 'clouds', message };
    if (json) printJson(io, { status: 'not-comparable', exit: EXIT.notPolicy, faults: [fault] });
    else io.out(faultLine(fault));
    io.exit(EXIT.notPolicy);
    return;
  }
  const proof = check(now);
  const violations = proof.holds ? [] : proof.violations;
  const diff = diffPolicies(old.policy, now.policy);
  const exit = violations.length > 0 ? EXIT.violation : diff.widens ? EXIT.wider : EXIT.ok;
  if (json) printJson(io, { exit, ...diff, violations });
  else if (markdown) io.out(asMarkdown(diff, violations.map(faultLine), now.policy));
  else {
    for (const violation of violations) io.out(faultLine(violation));
    printText(io, diff, now.policy, violations.length);
  }
  io.exit(exit);
}

interface Line {
  readonly sign: '+' | '-';
  readonly who: string;
  readonly where: string;
  readonly ways: string;
}

/** One line for all who gain or lose the same. */
function linesOf(diff: PolicyDiff): Line[] {
  const lines = (sign: '+' | '-', changes: readonly ReachChange[]): Line[] => {
    const groups = new Map<string, ReachChange[]>();
    for (const change of changes) {
      const key = JSON.stringify([change.family, change.datacenters, change.ways]);
      groups.set(key, [...(groups.get(key) ?? []), change]);
    }
    return [...groups.values()].flatMap((group) => {
      const [first] = group;
      if (first === undefined) return [];
      const who = whoOf(first.family, group.map((g) => g.who).join(', '));
      return [{ sign, who, where: first.datacenters.join(', '), ways: first.ways.join(', ') }];
    });
  };
  return [...lines('+', diff.gained), ...lines('-', diff.lost)];
}

function whoOf(family: ReachChange['family'], who: string): string {
  switch (family) {
    case 'fence':
      return `clients of ${who}`;
    case 'seat':
      return `route of ${who}`;
    case 'address':
      return `addresses in ${who}`;
    case 'evidence':
      return `addresses in ${who}, no longer held back`;
  }
}

function printText(io: Io, diff: PolicyDiff, now: Policy, violations: number): void {
  const lines = linesOf(diff);
  const width = Math.min(48, Math.max(0, ...lines.map((l) => l.who.length)));
  const reach = Math.min(60, Math.max(0, ...lines.map((l) => l.where.length)));
  for (const { sign, who, where, ways } of lines) {
    const text = `${sign} ${who.padEnd(width)}  ${where.padEnd(reach)}  ${ways}`;
    io.out(`${paint(io, sign === '+' ? 'red' : 'green', text)}\n`);
  }
  for (const { datacenter, part, from, to } of diff.identities) {
    io.out(`${printable(`  ${datacenter} is another: ${part} ${from} → ${to}`)}\n`);
  }
  for (const note of diff.notes) io.out(`  ${note}\n`);
  if (violations > 0) io.out(`  refused by check: ${count(violations, 'violation')}\n`);
  else io.out(`  ${verdict(diff, now)}\n`);
}

function verdict(diff: PolicyDiff, now: Policy): string {
  if (!diff.widens) return `no new reach; ${now.cloud} ${now.version}`;
  const datacenters = new Set(diff.gained.flatMap((g) => g.datacenters));
  return `wider: new reach to ${count(datacenters.size, 'datacenter')}; ${now.cloud} ${now.version}`;
}

/** For a comment on a pull request. */
function asMarkdown(diff: PolicyDiff, violations: readonly string[], now: Policy): string {
  const reach = diff.widens ? '**wider**' : 'no new reach';
  const verdict = violations.length > 0 ? `**refused by \`check\`**, ${reach}` : reach;
  const out = [`### Policy ${now.cloud} ${now.version}: ${verdict}`, ''];
  if (violations.length > 0) out.push(...violations.map((v) => `- ${cell(v.trim())}`), '');
  const lines = linesOf(diff);
  if (lines.length > 0) {
    out.push('| | who | datacenters | ways |', '|---|---|---|---|');
    for (const { sign, who, where, ways } of lines) {
      out.push(`| ${sign === '+' ? '➕' : '➖'} | ${cell(who)} | ${cell(where)} | ${cell(ways)} |`);
    }
    out.push('');
  }
  for (const { datacenter, part, from, to } of diff.identities) {
    out.push(`- \`${datacenter}\` is another: ${part} ${code(from)} → ${code(to)}`);
  }
  out.push(...diff.notes.map((note) => `- ${cell(note)}`), '');
  return `${out.join('\n').trimEnd()}\n`;
}

function cell(text: string): string {
  return text.replace(/[\\|<>*_`]/g, '\\$&').replace(/[\r\n]+/g, ' ');
}

function code(text: string): string {
  return `\`${text.replace(/[`\r\n]/g, ' ')}\``;
}
