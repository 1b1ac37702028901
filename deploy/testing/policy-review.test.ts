import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';

/** What `deploy/policy` offers to a repository of policies, run as its users would. */
const root = fileURLToPath(new URL('../..', import.meta.url));
const step = z.object({ name: z.string().optional(), run: z.string().optional() });
const workflow = z
  .object({
    jobs: z.object({ policy: z.object({ env: z.record(z.string(), z.string()), steps: z.array(step) }) }),
  })
  .transform(({ jobs }) => jobs.policy)
  .parse(parse(readFileSync(join(root, 'deploy/policy/github-action.yaml'), 'utf8')));
const hooks = z
  .object({ repos: z.tuple([z.object({ hooks: z.tuple([z.object({ entry: z.string() })]) })]) })
  .transform(({ repos }) => repos[0].hooks[0])
  .parse(parse(readFileSync(join(root, 'deploy/policy/pre-commit-config.yaml'), 'utf8')));

let dir = '';
let base = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'watershed-review-'));
  mkdirSync(join(dir, 'policies'));
  mkdirSync(join(dir, 'bin'));
  symlinkSync(root, join(dir, '.watershed'));
  symlinkSync(join(root, 'src/cli/watershed.mjs'), join(dir, 'bin/watershed'));
  git('init', '--quiet');
  git('commit', '--quiet', '--allow-empty', '--message', 'before there was a policy');
  cpSync(join(root, 'config/policies/government.yaml'), join(dir, 'policies/government.yaml'));
  draft((zoom) => zoom);
  git('add', 'policies');
  git('commit', '--quiet', '--message', 'the policy that runs');
  base = git('rev-parse', 'HEAD');
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function git(...args: string[]): string {
  const who = ['-c', 'user.name=t', '-c', 'user.email=t@localhost', '-c', 'commit.gpgsign=false'];
  const { status, stdout, stderr } = spawnSync('git', [...who, ...args], {
    cwd: dir,
    encoding: 'utf8',
    timeout: 20_000,
  });
  if (status !== 0) throw new Error(stderr);
  return stdout.trim();
}

/** The policy of the pull request. */
function draft(edit: (zoom: string) => string): void {
  const zoom = readFileSync(join(root, 'config/policies/zoom-2020.yaml'), 'utf8');
  writeFileSync(join(dir, 'policies/commercial.yaml'), edit(zoom));
}

function shell(script: string, env: Record<string, string>): number | null {
  const { status } = spawnSync('bash', ['-e', '-c', script], {
    cwd: dir,
    env: { PATH: `${join(dir, 'bin')}${delimiter}${process.env.PATH}`, ...workflow.env, ...env },
    timeout: 60_000,
  });
  return status;
}

function runStep(name: string, env: Record<string, string> = {}): number | null {
  const script = workflow.steps.find((s) => s.name?.startsWith(name))?.run;
  if (script === undefined) throw new Error(`no step ${name}`);
  return shell(script, env);
}

/** The job's end for the draft, and what it says on the pull request. */
function review(before: string, widens: boolean): { end: number | null; comment: string } {
  const output = join(dir, 'output');
  writeFileSync(output, '');
  const compared = runStep('Compare', {
    BASE: before,
    GITHUB_OUTPUT: output,
    GITHUB_STEP_SUMMARY: join(dir, 'summary'),
  });
  expect(compared).toBe(0);
  const code = /^code=(\d)$/m.exec(readFileSync(output, 'utf8'))?.[1] ?? '';
  const end = runStep('Wider', { CODE: code, WIDENS: String(widens) });
  return { end, comment: readFileSync(join(dir, 'diff.md'), 'utf8') };
}

describe('the workflow for pull requests', () => {
  it('passes what reaches no further', () => {
    draft((zoom) => zoom.replace('version: 12', 'version: 13').replace('[fra, ams, hkg]', '[ams, fra, hkg]'));
    expect(runStep('Check')).toBe(0);
    expect(review(base, false)).toMatchObject({ end: 0, comment: expect.stringContaining('no new reach') });
  });

  it('stops what is wider, unless somebody says that it should be', () => {
    draft((zoom) => zoom.replace('admits: [cn]', 'admits: any'));
    expect(runStep('Check')).toBe(0);
    expect(review(base, false)).toMatchObject({ end: 3, comment: expect.stringContaining('sha, tsn') });
    expect(review(base, true).end).toBe(0);
  });

  it('takes no label for what fails check', () => {
    draft((zoom) => zoom.replace('[fra, ams, hkg]', '[fra, ams, hkg, sha]'));
    expect(runStep('Check')).toBe(1);
    expect(review(base, true)).toMatchObject({
      end: 1,
      comment: expect.stringContaining('refused by `check`'),
    });
  });

  it('takes the first policy for new reach', () => {
    draft((zoom) => zoom);
    expect(review(git('rev-parse', 'HEAD~1'), false)).toMatchObject({ end: 3 });
  });
});

describe('the hook before a commit', () => {
  it('reads every policy, and not only the one that changed', () => {
    draft((zoom) => zoom);
    expect(shell(hooks.entry, {})).toBe(0);
    draft((zoom) =>
      zoom.replace('  sjc:', '  gov-iad:').replaceAll('sjc,', 'gov-iad,').replaceAll('sjc]', 'gov-iad]'),
    );
    expect(shell(hooks.entry, {})).toBe(1);
  });
});
