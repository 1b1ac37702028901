import { setTimeout as sleep } from 'node:timers/promises';
import { directoryAnswerSchema } from '../../src/protocol/directory.ts';
import { DIRECTORY_PATH } from '../../src/protocol/frames.ts';
import { issueJoinToken } from '../../src/tokens/issue.ts';
import { fetchFrom, isLoopback, loopbackAddress } from '../measure/local-address.ts';
import { httpOf, type Target, type TargetNode } from '../target/target.ts';
import { isFencedOff, isForbiddenFrom, isSeatOf } from './fence.ts';
import { tryForgedRedirects } from './forged-redirects.ts';
import { forgeTokens } from './forged-tokens.ts';
import { field, knock, refusal } from './knock.ts';
import { tryStrayMedia } from './stray-media.ts';
import { type Answer, Tally, UNANSWERED } from './tally.ts';

/** Attempts under way at once: probes must not be the load. */
const AT_ONCE = 4;
const ROOM = 'lt-probe';
const PATIENCE = 5000;

export interface ProberOptions {
  readonly target: Target;
  /** Home regions of the scenario's participants. Every region of the policy is tried, where there is one. */
  readonly regions: readonly string[];
  /** Seconds since the run began. */
  readonly now: () => number;
  readonly onAdmitted: (what: string) => void;
}

interface Attempt {
  readonly kind: string;
  readonly what: string;
  readonly which: string;
  readonly run: () => Promise<Answer>;
}

/** Tries what must not be, on every node, for as long as the run lasts. */
export class Prober {
  readonly tally = new Tally();
  readonly #options: ProberOptions;
  readonly #regions: readonly string[];
  #closed = false;
  #addresses = 0;

  constructor(options: ProberOptions) {
    this.#options = options;
    this.#regions = [...(options.target.policy?.regions.keys() ?? options.regions)];
  }

  /** Rounds until the signal; never rejects. */
  async repeat(everySeconds: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !this.#closed) {
      const next = performance.now() + everySeconds * 1000;
      await this.round();
      await sleep(Math.max(0, next - performance.now()), undefined, { signal }).catch(() => undefined);
    }
  }

  /** Every forbidden attempt once. */
  async round(): Promise<void> {
    const { nodes } = this.#options.target;
    const attempts = [
      ...this.#fenceAttempts(nodes),
      ...this.#addressAttempts(nodes),
      ...(await this.#tokenAttempts(nodes)),
      ...this.#controlAttempts(nodes),
    ];
    let next = 0;
    const work = async (): Promise<void> => {
      for (let attempt = attempts[next++]; attempt !== undefined && !this.#closed; attempt = attempts[next++])
        await this.#make(attempt);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    if (this.#closed) return;
    await this.#redirects(nodes);
    await this.#media(nodes);
  }

  close(): void {
    this.#closed = true;
  }

  /** Ordinary tokens where their region may not be served, and the ways in which a client might lie about it. */
  #fenceAttempts(nodes: readonly TargetNode[]): Attempt[] {
    const { policy } = this.#options.target;
    if (policy === null) return [];
    const attempts: Attempt[] = [];
    for (const region of this.#regions) {
      for (const node of nodes) {
        const which = `a client of ${region} at ${node.datacenter} (${node.region})`;
        const forbidden = isFencedOff(policy, region, node.datacenter);
        if (!forbidden) {
          if (isSeatOf(policy, region, node.datacenter)) continue;
          const what = 'a directly addressed datacenter that is on no list of its region';
          attempts.push({ kind: 'off-route', what, which, run: () => this.#knock(node, region) });
          continue;
        }
        const there = policy.datacenters.get(node.datacenter)?.region ?? '';
        const country = policy.regions.get(there)?.countries[0] ?? '';
        const lies = {
          query: `?region=${there}&country=${country}`,
          headers: {
            'x-forwarded-for': '114.114.114.114',
            'x-real-ip': '114.114.114.114',
            'x-region': there,
          },
        };
        attempts.push(
          {
            kind: 'fence',
            what: 'an ordinary client at a datacenter outside the fences of its region',
            which,
            run: () => this.#knock(node, region),
          },
          {
            kind: 'fence-lie',
            what: 'the same, claiming the right region in query and headers',
            which: `${which}, claiming ${there} in query and headers`,
            run: () => this.#knock(node, region, lies),
          },
          {
            kind: 'fence-directory',
            what: 'a datacenter list that leads a client outside its fences',
            which: `the directory of ${node.datacenter}, asked by a client of ${region}`,
            run: () => this.#askDirectory(node, region),
          },
        );
      }
    }
    return attempts;
  }

  /** Ordinary tokens from addresses of another country than their region's. */
  #addressAttempts(nodes: readonly TargetNode[]): Attempt[] {
    const { policy, judgesLoopback } = this.#options.target;
    if (policy === null || !judgesLoopback) return [];
    const addresses = [
      ...[...policy.regions.values()].flatMap(({ name, countries }) => (countries.length > 0 ? [name] : [])),
      null,
    ];
    return this.#regions.flatMap((region) =>
      addresses.flatMap((address) =>
        nodes.flatMap((node): Attempt[] => {
          if (!isForbiddenFrom(policy, region, address, node.datacenter)) return [];
          const byToken = isFencedOff(policy, region, node.datacenter);
          const from = address ?? 'a country of no region';
          // From a country that opens nothing there either it is the fence's own attempt again.
          if (
            address === region ||
            (byToken && (address === null || isFencedOff(policy, address, node.datacenter)))
          )
            return [];
          return [
            {
              kind: byToken ? 'address-claims' : 'address-forbids',
              what: byToken
                ? 'a client whose address lies where it would be admitted, but whose token does not'
                : 'a client whose token would be admitted, from an address whose country is not',
              which: `a token of ${region} from ${from}, at ${node.datacenter} (${node.region})`,
              run: () => this.#knock(node, region, {}, address),
            },
          ];
        }),
      ),
    );
  }

  /** Forged and expired tokens, at the door and at the directory of every node. */
  async #tokenAttempts(nodes: readonly TargetNode[]): Promise<Attempt[]> {
    const { issuer } = this.#options.target;
    const attempts: Attempt[] = [];
    for (const node of nodes) {
      // A region that is admitted there, so that nothing but the forgery can be what refuses.
      const region = this.#admittedAt(node);
      if (region === undefined) continue;
      for (const { kind, what, token } of await forgeTokens(issuer, ROOM, region)) {
        attempts.push(
          {
            kind,
            what,
            which: `${what}, at ${node.datacenter}`,
            run: () => knock(node.url, { token, ...this.#from(node, region) }),
          },
          {
            kind: `${kind}-directory`,
            what: `${what}, for a datacenter list`,
            which: `${what}, at the directory of ${node.datacenter}`,
            run: () => this.#postDirectory(node, region, token, () => true),
          },
        );
      }
      const run = () => knock(node.url, { token: null, ...this.#from(node, region) });
      attempts.push({
        kind: 'token-missing',
        what: 'no token',
        which: `no token, at ${node.datacenter}`,
        run,
      });
    }
    return attempts;
  }

  /** What is allowed, beside: a door that refuses everybody proves nothing. */
  #controlAttempts(nodes: readonly TargetNode[]): Attempt[] {
    return nodes.flatMap((node) => {
      const region = this.#admittedAt(node);
      if (region === undefined) return [];
      return [{ kind: 'control', what: '', which: '', run: () => this.#knock(node, region) }];
    });
  }

  async #make({ kind, what, which, run }: Attempt): Promise<void> {
    const answer = await run().catch((): Answer => ({ admitted: false, code: UNANSWERED }));
    if (this.#closed) return;
    if (kind === 'control') this.tally.control(answer.admitted);
    else this.#count(kind, what, which, answer);
  }

  async #redirects(nodes: readonly TargetNode[]): Promise<void> {
    const { issuer } = this.#options.target;
    const node = nodes.find(
      (candidate) => isLoopback(candidate.url) && this.#admittedAt(candidate) !== undefined,
    );
    const region = node === undefined ? undefined : this.#admittedAt(node);
    if (node === undefined || region === undefined) return;
    const frontDoors = nodes.map(({ url }) => url);
    const { localAddress = '127.0.0.1' } = this.#from(node, region);
    try {
      for (const { kind, what, answer } of await tryForgedRedirects({
        issuer,
        frontDoors,
        region,
        localAddress,
      }))
        this.#count(kind, what, what, answer);
    } catch {
      // The cluster is going away under us; there is nothing to count.
    }
  }

  async #media(nodes: readonly TargetNode[]): Promise<void> {
    const attempts = nodes.map(async (node): Promise<void> => {
      const region = this.#admittedAt(node);
      if (this.#closed || region === undefined) return;
      const { localAddress } = this.#from(node, region);
      const { localAddress: strayAddress } = this.#from(node, region);
      if (localAddress === undefined || strayAddress === undefined) return;
      try {
        const token = await this.#token(region);
        for (const { kind, what, answer } of await tryStrayMedia({
          url: node.url,
          token,
          localAddress,
          strayAddress,
        }))
          this.#count(kind, what, `${what}, at ${node.datacenter}`, answer);
      } catch {
        // As above.
      }
    });
    await Promise.all(attempts);
  }

  #count(kind: string, what: string, which: string, answer: Answer): void {
    this.tally.forbidden(kind, what, which, answer, this.#options.now());
    if (answer.admitted) this.#options.onAdmitted(`${which} (${answer.code})`);
  }

  /** A region whose clients may sit at the node; without a policy any that the scenario names. */
  #admittedAt({ datacenter }: TargetNode): string | undefined {
    const { policy } = this.#options.target;
    return this.#regions.find((region) => policy === null || isSeatOf(policy, region, datacenter));
  }

  #token(region: string): Promise<string> {
    const claims = { room: ROOM, role: 'participant' as const, region };
    return issueJoinToken(this.#options.target.issuer, claims, { ttlSeconds: 60 });
  }

  async #knock(
    node: TargetNode,
    region: string,
    lies: { query?: string; headers?: Record<string, string> } = {},
    address: string | null = region,
  ): Promise<Answer> {
    return knock(node.url, { token: await this.#token(region), ...lies, ...this.#from(node, address) });
  }

  async #askDirectory(node: TargetNode, region: string): Promise<Answer> {
    const { policy } = this.#options.target;
    return this.#postDirectory(
      node,
      region,
      await this.#token(region),
      (datacenters) => policy !== null && datacenters.some((name) => isFencedOff(policy, region, name)),
    );
  }

  async #postDirectory(
    node: TargetNode,
    region: string,
    token: string,
    isForbidden: (datacenters: readonly string[]) => boolean,
  ): Promise<Answer> {
    const { localAddress } = this.#from(node, region);
    const ask = localAddress === undefined ? globalThis.fetch : fetchFrom(localAddress);
    const response = await ask(httpOf(node.url) + DIRECTORY_PATH, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(PATIENCE),
    });
    const body: unknown = await response.json().catch(() => null);
    if (response.status !== 200) return refusal(field(body, 'code') ?? `http_${response.status}`);
    const list = directoryAnswerSchema.safeParse(body);
    if (!list.success) return { admitted: false, code: 'not_a_list' };
    const named = [...list.data.primaries, ...list.data.secondaries].map(({ datacenter }) => datacenter);
    return isForbidden(named)
      ? { admitted: true, code: 'listed' }
      : { admitted: false, code: 'allowed_ones_only' };
  }

  /** An address of a region, or (null) of a country that no region lists. */
  #from(node: TargetNode, region: string | null): { localAddress?: string } {
    if (!isLoopback(node.url)) return {};
    const number = region === null ? -1 : this.#regions.indexOf(region);
    return { localAddress: loopbackAddress('probes', number, this.#addresses++) };
  }
}
