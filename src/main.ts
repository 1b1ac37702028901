import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { Registry as MetricsRegistry } from 'prom-client';
import type { RunningNode } from './cli/node-process.ts';
import { watchAbsences } from './cluster/absences.ts';
import { createDecisionRecorder } from './cluster/decision.ts';
import type { SignList } from './cluster/directory.ts';
import type { Federation } from './cluster/federation/types.ts';
import { createFreshness } from './cluster/freshness.ts';
import { createHeartbeat, type Heartbeat, loadOf } from './cluster/heartbeat.ts';
import { createRejectionReporter } from './cluster/rejections.ts';
import { createRoster } from './cluster/roster.ts';
import { isCloudPage } from './cluster/site.ts';
import type { NodeConfig } from './config/schema.ts';
import { createLocator } from './geo/locator.ts';
import type { NodeIdentity } from './identity/identity.ts';
import { createMediaEngine } from './media/engine.ts';
import { Defects } from './node/defects.ts';
import { Drain } from './node/drain.ts';
import { type Federated, federate } from './node/federate.ts';
import { admissionBy, type LayersOff, rulers } from './node/layers.ts';
import { configuredIdentity, joinCloud } from './node/membership.ts';
import { developmentIssuer, nodeKeys, pageFor, workerFor } from './node/parts.ts';
import { assertSite, fixedPolicy, ownRegion, startPolicy, watchPolicyHealth } from './node/policies.ts';
import { canJudge, isServing, judgesAddresses, watchAddresses, watchReadiness } from './node/readiness.ts';
import { createRegistry } from './node/registries.ts';
import { openToAll } from './node/secret-files.ts';
import { mediaOptions, roomLimits, signalingLimits, urlsOf } from './node/settings.ts';
import { Health } from './observability/health.ts';
import { logOutput } from './observability/log-output.ts';
import { createLogger } from './observability/logger.ts';
import { createMetrics, createSessionCounters } from './observability/metrics.ts';
import type { CompiledPolicy } from './policy/compile.ts';
import type { Registry } from './registry/port.ts';
import { createHttpServer } from './signaling/http.ts';
import type { PageHandler } from './signaling/http-routes.ts';
import { createSessionHost } from './signaling/session-host.ts';
import { publishDevelopmentKey } from './tokens/development.ts';
import { directoryKeys, signDirectoryList } from './tokens/directory-signature.ts';
import type { SigningKey } from './tokens/keys.ts';
import { createTokenVerifier } from './tokens/verify.ts';
import { packageVersion } from './version.ts';

/** What a composition may bring along instead of having it made; tests and local clusters do. */
export interface NodeParts {
  /** Shared by several nodes of one process; not closed by the node then. */
  readonly registry?: Registry;
  /** In place of the certificate and key that the configuration names. */
  readonly identity?: NodeIdentity;
  readonly logger?: Logger;
  /** Signs development tokens and directory lists; made at each start by default. */
  readonly developmentKey?: SigningKey;
  /** The policy as compiled already, in place of the file. */
  readonly policy?: CompiledPolicy;
  readonly page?: PageHandler;
  readonly layersOff?: LayersOff;
}

/** How long a closing node lets its sessions say goodbye, in ms. */
const GOODBYE_MS = 3000;

/**
 * Starts one node and resolves once it is ready. The only place that constructs adapters. Rejects, with nothing
 * left running, when it cannot become ready; whoever created closes, in the reverse order.
 */
export async function runNode(config: NodeConfig, parts: NodeParts = {}): Promise<RunningNode> {
  const closers: (() => unknown)[] = [];
  const close = async (): Promise<void> => {
    for (const end of closers.splice(0).reverse()) await end();
  };
  try {
    return { ...(await compose(config, parts, (end) => closers.push(end))), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function compose(
  config: NodeConfig,
  parts: NodeParts,
  onClose: (end: () => unknown) => void,
): Promise<Omit<RunningNode, 'close'>> {
  const version = packageVersion();
  const { datacenter } = config.node;
  const identity = parts.identity ?? (await configuredIdentity(config));
  const id = identity?.id ?? config.node.id ?? randomUUID();
  const output = logOutput();
  const logger =
    parts.logger ?? (await createLogger({ ...config.log, base: { node: id, datacenter }, stream: output }));
  const health = new Health();
  health.addWarning('log', output.problem);
  const metrics = new MetricsRegistry();
  const policy =
    parts.policy === undefined
      ? await startPolicy(config, { log: logger, metrics })
      : fixedPolicy(parts.policy);
  onClose(() => policy.close());
  assertSite(policy, datacenter);
  watchPolicyHealth(health, policy, datacenter);
  const by = rulers(policy, parts.layersOff ?? {}, config.mode);
  const { cloud } = policy;
  const member = await joinCloud(config, policy, identity);
  const region = () => ownRegion(policy, datacenter);
  const node = {
    id,
    datacenter,
    get region() {
      return region();
    },
  };
  const worker = workerFor(config);
  const keys = await nodeKeys(config, parts.developmentKey);
  for (const key of await openToAll(config)) {
    logger.warn({ key }, 'every user of this machine can read the file: chmod o-rwx it');
  }
  let drain: Drain | null = null;
  /** Made with what comes further below. */
  const later: {
    ask: Federated['ask'] | null;
    heartbeat: Heartbeat | null;
    rejudge: (() => Promise<void>) | null;
  } = { ask: null, heartbeat: null, rejudge: null };

  const rejudgeSoon = (): void => {
    later
      .rejudge?.()
      .catch((error: unknown) => logger.error({ err: error }, 'not everyone could be judged again'));
  };
  const locator = await createLocator({
    database: config.geo.database,
    development: config.mode === 'development',
    private: config.geo.private,
    loopback: config.geo.loopback,
    onChange: (status) => {
      logger.info({ geo: status }, 'address database');
      // Whoever is here was judged by an earlier one.
      if (status.problem === null) rejudgeSoon();
    },
  });
  onClose(() => locator.close());

  const registry = parts.registry ?? (await createRegistry(config, cloud, logger));
  if (parts.registry === undefined) onClose(() => registry.close());
  const roster = createRoster({
    registry,
    sealer: member.sealer,
    ...(identity !== null && {
      freshness: createFreshness({
        own: { id, datacenter },
        ask: (target) => later.ask?.(target) ?? Promise.reject(new Error('no links yet')),
        call: (datacenter, call) => registry.call(datacenter, call),
      }),
    }),
    onRejected: createRejectionReporter({ logger, metrics }),
  });

  const engine = await createMediaEngine(mediaOptions(config, worker.path), { logger });
  onClose(() => engine.close());
  watchReadiness(health, {
    engine,
    locator,
    membershipProblem: member.problem,
    draining: () => drain?.active ?? false,
  });

  const decisions = createDecisionRecorder({
    logger,
    metrics,
    now: Date.now,
    isRegion: (name) => policy.running()?.regionNumber.has(name) === true,
  });
  const sign: SignList = (list) => signDirectoryList(keys.directory, list);
  /** Asked at the door, and made with what is behind it. */
  let rooms: Federation | null = null;
  const admission = admissionBy(by, {
    datacenter,
    behind: () => policy.current() === null || member.problem() !== null,
    roster,
    common: async (room, label) => rooms?.common(room, label) ?? null,
    tokens: createTokenVerifier({
      cloud,
      issuers: keys.issuers,
      maxAgeSeconds: config.tokens.maxAgeSeconds,
    }),
    locator,
    sign,
    now: Date.now,
    decisions,
    onError: (error) => logger.error({ err: error }, 'a decision failed, and refused'),
  });

  const {
    federation,
    address: link,
    ask,
  } = await federate({
    config,
    id,
    member,
    policy,
    ruler: by.links,
    registry,
    roster,
    sign,
    decisions,
    logger,
    metrics,
    announced: () => later.heartbeat?.announced() ?? null,
    onClose,
  });
  later.ask = ask;
  rooms = federation;
  const sessions = createSessionHost({
    engine,
    admission,
    federation,
    node,
    policyDigest: () => policy.running()?.digest ?? '',
    limits: signalingLimits(config),
    roomLimits: roomLimits(config),
    mediaLimits: config.media.limits,
    log: logger,
    metrics: createSessionCounters(metrics),
  });
  onClose(() => sessions.close());
  const rejudge = async (): Promise<void> => {
    // What goes to other nodes first: then who may stay here.
    federation.rejudge();
    await sessions.rejudgeAll();
  };
  later.rejudge = rejudge;
  onClose(policy.onSwitch(rejudge));
  const defects = new Defects({ logger, metrics, rejudge });
  onClose(() => defects.close());
  health.addWarning('defects', () => defects.problem());

  createMetrics(
    {
      version,
      datacenter,
      cloud,
      ready: () => health.readiness().ready,
      sessions: () => sessions.stats().sessions,
      rooms: () => sessions.stats().rooms,
      peers: () => sessions.stats().peers,
      workers: () => engine.workers(),
      worker,
      policy: () => {
        const running = policy.running();
        return running && { ...running.policy, digest: running.digest };
      },
      geo: () => locator.status(),
    },
    metrics,
  );

  const issuer = developmentIssuer(cloud, keys.development);
  const http = createHttpServer({
    options: { ...config.http, ...config.signaling, directoryPerAddress: config.directory.perAddress },
    admission,
    sessions,
    keys: () => directoryKeys(cloud, [keys.directory]),
    readiness: health,
    metrics,
    page: parts.page ?? (await pageFor({ config, policy, region, issuer })),
    isCloudPage: (origin) => {
      const running = policy.running();
      return running !== null && isCloudPage(running, origin);
    },
    draining: () => drain?.active ?? false,
    logger,
  });
  onClose(() => http.close());
  const { port } = await http.listen();
  const urls = urlsOf(config, port);
  watchAddresses(health, () => policy.running(), { datacenter, url: urls.signaling, link });

  const heartbeat = createHeartbeat({
    registry,
    sealer: member.sealer,
    node: { id, datacenter, url: urls.signaling, link, epoch: member.epoch, version },
    status: () => ({
      load: loadOf(engine.workers()),
      accepting: sessions.stats().rooms < config.rooms.roomsPerNode,
      policy: policy.running()?.digest ?? '',
      // Idle for want of people whom it may admit, it would come first in its datacenter, and its siblings get nobody.
      state:
        isServing(engine) && policy.current() !== null && member.problem() === null && canJudge(locator)
          ? 'ready'
          : 'starting',
    }),
    onHealth: (healthy, error) =>
      healthy ? logger.info({}, 'registered') : logger.warn({ err: error }, 'the registry cannot be reached'),
  });
  later.heartbeat = heartbeat;
  onClose(() => heartbeat.stop());
  health.add('registry', heartbeat.problem);
  await heartbeat.start();
  const absences = watchAbsences({ policy: () => policy.running(), roster, logger, metrics });
  onClose(() => absences.close());

  if (issuer !== null) {
    const published = publishDevelopmentKey(issuer, urls.signaling);
    onClose(() => published.remove());
  }
  onClose(onHangUp(() => Promise.all([http.reloadTls(), locator.reload(), policy.reload()])));
  // First of all to end: nobody new, and a word to everyone who is here.
  const draining = new Drain(heartbeat, sessions);
  drain = draining;
  onClose(() => draining.run({ waitMs: 0, handOverMs: GOODBYE_MS, newPlaceFirst: false }));
  const { running } = policy.status();
  logger.info({ policy: running?.digest, region: region(), worker, mode: config.mode }, 'ready');
  return {
    url: urls.page,
    datacenter,
    region: region(),
    policy: running,
    worker: { ...worker, judgesAddresses: judgesAddresses(engine) },
    drain: (waitMs) => draining.run({ waitMs, handOverMs: config.drain.seconds * 1000, newPlaceFirst: true }),
    defect: (kind, error) => defects.happened(kind, error),
    occupancy: () => sessions.stats(),
  };
}

/** Calls back on SIGHUP; returns what stops it. */
function onHangUp(reload: () => Promise<unknown>): () => void {
  const listener = () => void reload();
  process.on('SIGHUP', listener);
  return () => process.off('SIGHUP', listener);
}
