import { Registry } from 'prom-client';
import { verifyNodeCertificate } from '../../identity/certificate.ts';
import {
  type TestEnrolment,
  testEnrolment,
  testIdentity,
  testTrust,
} from '../../identity/testing/enrolled.ts';
import { createLinks } from '../../links/links.ts';
import { type Link, LinkError, type Links, type LinkTarget } from '../../links/types.ts';
import type { CompiledPolicy } from '../../policy/compile.ts';
import type { Decision } from '../decision.ts';
import { createPipes } from '../pipe-leases.ts';
import type { Pipes } from '../pipe-types.ts';
import { zoom2020 } from './door.ts';

const quiet = { info: () => {}, debug: () => {}, warn: () => {}, error: () => {} };

/** Datacenters with their enrolment keys, and whoever they have enrolled. */
export class TestCloud {
  /** Milliseconds, for all nodes. */
  clock = 0;
  readonly #enrolments: Record<string, TestEnrolment> = {};
  readonly #nodes: LinkedNode[] = [];

  async start(id: string, datacenter: string): Promise<LinkedNode> {
    this.#enrolments[datacenter] ??= testEnrolment();
    const trust = testTrust('commercial', this.#enrolments);
    const identity = testIdentity({ cloud: 'commercial', datacenter, id }, this.#enrolments[datacenter]);
    const links = await createLinks({
      certificate: identity.certificatePem,
      key: identity.privateKeyPem,
      trust: { verify: (der) => verifyNodeCertificate(der, trust) },
      host: '127.0.0.1',
      port: 0,
      log: quiet,
    });
    const node = new LinkedNode(id, datacenter, links, () => this.clock);
    this.#nodes.push(node);
    return node;
  }

  async close(): Promise<void> {
    await Promise.all(this.#nodes.splice(0).map((node) => node.close()));
  }
}

/** One node's links, real ones, and its pipes. Its clock stands still until a test moves it. */
export class LinkedNode {
  readonly id: string;
  readonly datacenter: string;
  readonly target: LinkTarget;
  readonly pipes: Pipes;
  readonly links: Links;
  readonly decisions: Decision[] = [];
  readonly metrics = new Registry();
  policy: CompiledPolicy | null = zoom2020();
  /** What leases are judged by, where a test shows them another. */
  leasePolicy = (): CompiledPolicy | null => this.policy;
  /** It was shown a newer policy that it does not run. */
  behind = false;
  /** While it is set, no link comes up. */
  #cut = false;

  constructor(id: string, datacenter: string, links: Links, now: () => number) {
    this.id = id;
    this.datacenter = datacenter;
    this.links = links;
    this.target = { id, datacenter, link: links.address };
    this.pipes = createPipes({
      links: { ...bound(links), connect: (target) => this.#connect(target) },
      datacenter,
      policy: () => this.leasePolicy(),
      current: () => (this.behind ? null : this.leasePolicy()),
      decisions: { record: (decision) => this.decisions.push(decision) },
      now,
      log: quiet,
      metrics: this.metrics,
      timing: { tickMs: 10 },
    });
  }

  /** A link to another node, for requests that no honest node would make. */
  link(to: LinkedNode): Promise<Link> {
    return this.links.connect(to.target);
  }

  cut(): void {
    this.#cut = true;
    for (const link of this.links.up()) link.close('cut by the test');
  }

  mend(): void {
    this.#cut = false;
  }

  async close(): Promise<void> {
    this.pipes.close();
    await this.links.close();
  }

  async #connect(target: LinkTarget): Promise<Link> {
    if (this.#cut) throw new LinkError('link_unreachable', 'cut by the test');
    return this.links.connect(target);
  }
}

function bound(links: Links): Links {
  return {
    address: links.address,
    connect: (target) => links.connect(target),
    up: () => links.up(),
    onRequest: (name, handler) => links.onRequest(name, handler),
    onNotice: (name, handler) => links.onNotice(name, handler),
    onChange: (listener) => links.onChange(listener),
    rejudge: () => links.rejudge(),
    close: () => links.close(),
  };
}
