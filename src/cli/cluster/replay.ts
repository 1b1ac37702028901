import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { check } from '../../policy/prove.ts';
import type { DirectoryAnswer } from '../../protocol/directory.ts';
import { findDevelopmentKeys } from '../../tokens/development.ts';
import { issueJoinToken } from '../../tokens/issue.ts';
import { onLauncherGone } from '../launcher.ts';
import { faultLine, type LoadedPolicy, loadPolicy } from '../policy-io.ts';
import { type LocalCluster, type LocalNode, startCluster } from './local-cluster.ts';
import { askDirectory, type Knock, walk } from './replay-client.ts';
import { setUp } from './set-up.ts';

/** As short as it can be said from here. */
const policyFile = (name: string) =>
  relative('', fileURLToPath(new URL(`../../../config/policies/${name}`, import.meta.url)));
const AS_IT_SHOULD_BE = policyFile('zoom-2020.yaml');
const THE_MISTAKE = policyFile('zoom-2020-february.yaml');

/** Whose directory is careless, and who asks it. */
const CARELESS = 'fra';
const HOME = 'us';
const PRIMARIES = ['sjc', 'iad'];
const FORBIDDEN = ['sha', 'tsn'];
/** Enough that some are told of a forbidden datacenter: each draws two of five. */
const CLIENTS = 8;
/** A dead node's lease ends within 10 s. */
const LEASE_MS = 15_000;

type Say = (line?: string) => void;

/**
 * `watershed cluster replay february-2020`: the mistake of February 2020 against real nodes. First the check, which
 * refuses the file; then the same mistake with that check forced off in the directory of one node, in a cluster
 * whose primaries are down. Every line is what a node answered. Resolves with whether the line was held.
 */
export async function replayFebruary2020(say: Say, signal: AbortSignal): Promise<boolean> {
  say('1. The policy as somebody edited it in February 2020, in a hurry');
  say();
  const violations = refusalOf(THE_MISTAKE);
  for (const line of violations) say(`   ${line}`);
  say();
  say(`   Refused: ${violations.length} violations. No node starts on it, and no node switches to it.`);
  say();
  say(
    `2. Had nobody checked: the cluster as it should be, but the directory of ${CARELESS}-1 answers by the`,
  );
  say('   mistaken routes, with every fence taken away');
  say();
  const good = loadPolicy(AS_IT_SHOULD_BE);
  if (!good.ok || violations.length === 0)
    throw new Error('the policies of the story are not what they were');
  const cluster = await startCluster({
    policy: good.policy,
    policyFile: AS_IT_SHOULD_BE,
    signal,
    mistake: { datacenter: CARELESS, routes: readFileSync(THE_MISTAKE, 'utf8') },
  });
  try {
    for (const { id, region, url, pid } of cluster.nodes) say(`   ${id}  ${region}  ${url}  process ${pid}`);
    say();
    return await primariesDown(cluster, good, say, signal);
  } finally {
    await cluster.close();
  }
}

function refusalOf(file: string): string[] {
  const loaded = loadPolicy(file);
  if (!loaded.ok) return [];
  const proof = check(loaded);
  return proof.holds ? [] : proof.violations.map((violation) => faultLine(violation).trimEnd());
}

async function primariesDown(
  cluster: LocalCluster,
  { policy }: LoadedPolicy,
  say: Say,
  signal: AbortSignal,
): Promise<boolean> {
  const at = (datacenter: string): LocalNode => {
    const node = cluster.nodes.find((one) => one.datacenter === datacenter);
    if (node === undefined) throw new Error(`no node at ${datacenter}`);
    return node;
  };
  say(`3. The primaries of ${HOME} go down`);
  say();
  for (const primary of PRIMARIES) {
    const { id, pid } = at(primary);
    process.kill(pid, 'SIGKILL');
    say(`   ${id} killed (process ${pid})`);
  }
  const front = at(CARELESS).url;
  const token = await tokens(cluster, policy.cloud);
  await leasesEnd(front, await token(0), signal);
  say('   their leases have ended');
  say();
  say(`4. ${CLIENTS} clients of ${HOME} ask ${CARELESS}-1, and follow what it signed`);
  say();
  const tally = { told: 0, knocks: 0, admitted: 0, served: 0 };
  for (let n = 1; n <= CLIENTS; n++) {
    signal.throwIfAborted();
    const list = await askDirectory(front, await token(n));
    say(`   client ${n} is told: ${list === null ? 'nothing' : namesOf(list).join(', ')}`);
    if (list === null) continue;
    if (namesOf(list).some((name) => FORBIDDEN.includes(name))) tally.told++;
    await follow(list, await token(n), tally, say);
  }
  say();
  const peers = await Promise.all(FORBIDDEN.map((name) => decisionsFor(at(name).url)));
  const held = tally.told > 0 && tally.admitted === 0 && peers.every((admitted) => admitted === 0);
  say(`5. ${tally.told} of ${CLIENTS} were told of ${FORBIDDEN.join(' or ')} by the careless directory.`);
  say(
    `   They knocked there ${tally.knocks} times and were let in ${tally.admitted} times: the next layer, the node's`,
  );
  say(
    `   own door, asks its own policy. By their own counters ${FORBIDDEN.join(' and ')} admitted ${sum(peers)} of ${HOME}.`,
  );
  say(`   ${tally.served} of ${CLIENTS} were served where the policy allows it.`);
  return held;
}

interface Tally {
  told: number;
  knocks: number;
  admitted: number;
  served: number;
}

/** Walks down a list, and tells and counts what each node answers. */
async function follow(list: DirectoryAnswer, token: string, tally: Tally, say: Say): Promise<void> {
  for await (const { entry, answer } of walk(list, token)) {
    const forbidden = FORBIDDEN.includes(entry.datacenter);
    if (forbidden) tally.knocks++;
    say(`     ${entry.datacenter.padEnd(4)} ${describe(answer)}`);
    if (answer.kind !== 'admitted') continue;
    if (forbidden) tally.admitted++;
    else tally.served++;
  }
}

function describe(answer: Knock): string {
  switch (answer.kind) {
    case 'admitted':
      return '101, admitted';
    case 'refused':
      return `${answer.status} ${answer.code}${answer.rule === '' ? '' : ` (${answer.rule})`}`;
    case 'redirected':
      return `${answer.status} ${answer.code} (${answer.rule}), sent on to ${namesOf(answer.list).join(', ')}`;
    case 'unreachable':
      return 'unreachable';
  }
}

function namesOf(list: DirectoryAnswer): string[] {
  return [...list.primaries, ...list.secondaries].map(({ datacenter }) => datacenter);
}

/** One token for each client, each with an identity (and so a draw of secondaries) of its own. */
async function tokens(cluster: LocalCluster, cloud: string): Promise<(client: number) => Promise<string>> {
  const urls = cluster.nodes.map(({ url }) => url);
  const issuer = findDevelopmentKeys().find(({ url }) => urls.includes(url));
  if (issuer === undefined) throw new Error('no development key of this cluster was found');
  return (client) =>
    issueJoinToken(
      { issuer: issuer.issuer, cloud, key: issuer.key },
      { room: 'summit', region: HOME, role: 'participant' },
      { ttlSeconds: 600, jti: `february-${client}` },
    );
}

async function leasesEnd(front: string, token: string, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + LEASE_MS;
  for (;;) {
    const list = await askDirectory(front, token);
    if (list !== null && list.primaries.length === 0) return;
    if (performance.now() > deadline) throw new Error('the leases of killed nodes did not end');
    await sleep(250, undefined, { signal });
  }
}

/** Sessions of the region that a node says it has admitted since it started. */
async function decisionsFor(url: string): Promise<number> {
  const answer = await fetch(`${url.replace(/^ws/, 'http')}/metrics`);
  const text = await answer.text();
  const counter = new RegExp(
    `^watershed_decisions_total\\{(?=.*kind="admit")(?=.*region="${HOME}").*\\} (\\d+)$`,
    'gm',
  );
  return sum([...text.matchAll(counter)].map(([, count]) => Number(count)));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, n) => total + n, 0);
}

/** The command: exit code 0 when the line was held, 1 when it was not or the story could not be told. */
export async function runReplay(): Promise<void> {
  const ending = new AbortController();
  const end = () => ending.abort(new Error('interrupted'));
  process.on('SIGTERM', end).on('SIGINT', end).on('SIGHUP', end);
  onLauncherGone(end);
  try {
    await setUp(ending.signal);
    const held = await replayFebruary2020(
      (line = '') => void process.stdout.write(`${line}\n`),
      ending.signal,
    );
    process.exit(held ? 0 : 1);
  } catch (error) {
    process.stderr.write(`the replay ended: ${error instanceof Error ? error.message : error}\n`);
    process.exit(1);
  }
}
