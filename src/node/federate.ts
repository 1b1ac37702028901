import type { Logger } from 'pino';
import type { Registry as MetricsRegistry } from 'prom-client';
import type { DecisionRecorder } from '../cluster/decision.ts';
import { listFor, namesOf, type SignList } from '../cluster/directory.ts';
import { COMMON } from '../cluster/federation/deps.ts';
import { createFederation, noFederation } from '../cluster/federation/federation.ts';
import type { Federation } from '../cluster/federation/types.ts';
import { ASK_MS, type Stamp, stampSchema } from '../cluster/freshness.ts';
import { livenessOf } from '../cluster/liveness.ts';
import { createPipes } from '../cluster/pipe-leases.ts';
import { createRefusedWordsReporter } from '../cluster/rejections.ts';
import type { Roster } from '../cluster/roster.ts';
import type { NodeConfig } from '../config/schema.ts';
import { verifyNodeCertificate } from '../identity/certificate.ts';
import { createLinks } from '../links/links.ts';
import type { LinkTarget } from '../links/types.ts';
import type { CompiledPolicy } from '../policy/compile.ts';
import { toldAs, WatershedError } from '../protocol/errors.ts';
import type { Registry } from '../registry/port.ts';
import type { Ruler } from './layers.ts';
import type { Membership } from './membership.ts';
import type { NodePolicy } from './policy-port.ts';
import { sharePolicy } from './share-policy.ts';

export interface FederateDeps {
  readonly config: NodeConfig;
  readonly id: string;
  readonly member: Membership;
  readonly policy: NodePolicy;
  /** What rooms and pipes between nodes are decided by. */
  readonly ruler: Ruler;
  readonly registry: Registry;
  readonly roster: Roster;
  readonly sign: SignList;
  readonly decisions: DecisionRecorder;
  readonly logger: Logger;
  /** This node's newest announcement; null before the first. */
  readonly announced: () => Stamp | null;
  readonly metrics: MetricsRegistry;
  readonly onClose: (end: () => unknown) => void;
}

/** How this node's rooms reach other nodes: `address` is where they dial it. */
export interface Federated {
  readonly federation: Federation;
  /** `host:port`; null for a node that stands alone. */
  readonly address: string | null;
  /** Asks another node for its newest announcement; see Freshness. */
  readonly ask: (node: LinkTarget) => Promise<Stamp>;
}

/** How often every room is written to the registry anew, in ms: long before its record there would be forgotten. */
const RESTATE_MS = 3_600_000;

/** Listens for the other nodes of the cloud, if this node has an identity to show them. */
export async function federate(deps: FederateDeps): Promise<Federated> {
  const { config, id, member, policy, ruler, registry, roster, sign, decisions, logger, metrics, onClose } =
    deps;
  const { identity, trust, epoch } = member;
  if (identity === null) {
    const ask = () => Promise.reject(new Error('this node stands alone'));
    return { federation: noFederation(), address: null, ask };
  }
  const { datacenter } = config.node;
  const links = await createLinks({
    certificate: identity.certificatePem,
    key: identity.privateKeyPem,
    trust: { verify: (certificate) => verifyNodeCertificate(certificate, trust) },
    host: config.cluster.link.host,
    port: config.cluster.link.port,
    ...(config.cluster.link.announced !== null && { announced: config.cluster.link.announced }),
    log: logger,
  });
  onClose(() => links.close());
  links.onRequest('node.announced', () => {
    const stamp = deps.announced();
    if (stamp === null) throw new WatershedError('not_ready');
    return stamp;
  });
  const pipes = createPipes({
    links,
    datacenter,
    // A node that is behind admits and pipes nothing new, and judges what is there by what it runs.
    policy: () => ruler.running(),
    current: () => ruler.current(),
    decisions,
    now: () => performance.now(),
    log: logger,
    metrics,
  });
  onClose(() => pipes.close());
  const running = (): CompiledPolicy => {
    const p = ruler.running();
    if (p === null) throw new WatershedError('policy_missing');
    return p;
  };
  const federation = createFederation({
    cloud: policy.cloud,
    node: { id, datacenter, epoch },
    policy: () => ruler.running(),
    registry,
    links,
    pipes,
    liveness: async (datacenters) => livenessOf(running(), await roster.read(running(), datacenters)),
    find: async (node, site) => {
      const { nodes } = await roster.find(running(), [{ id: node, datacenter: site }]);
      return nodes[0] ?? null;
    },
    redirect: async ({ label }, room, seats, liveness, code = 'room_moved') => {
      const p = running();
      const list = sign(listFor(p, label, seats, liveness, { room, now: Date.now() }));
      const rule = code === 'room_moved' ? COMMON : '';
      return { ...toldAs(code), rule, policy: p.digest, list };
    },
    decided: ({ label, jti }, room, kind, code, rule, redirect) =>
      decisions.record({
        step: 'room',
        kind,
        code,
        rule,
        policy: ruler.running()?.digest ?? '',
        home: label.home,
        evidence: label.evidence,
        regions: label.regions,
        here: datacenter,
        listed: redirect === undefined ? [] : namesOf(redirect.list),
        room,
        jti,
      }),
    refused: createRefusedWordsReporter({ logger, metrics }),
    log: logger,
  });
  onClose(() => federation.close());
  registry.onForgot(() => federation.restate());
  onClose(sharePolicy({ policy, registry, links, log: logger }));
  const restating = setInterval(() => federation.restate(), RESTATE_MS);
  onClose(() => clearInterval(restating));
  const ask = async (node: LinkTarget): Promise<Stamp> => {
    const link = await links.connect(node);
    return stampSchema.parse(await link.request('node.announced', {}, ASK_MS));
  };
  return { federation, address: links.address, ask };
}
