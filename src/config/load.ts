import { readFileSync } from 'node:fs';
import { availableParallelism, networkInterfaces } from 'node:os';
import { dirname, resolve } from 'node:path';
import { isRecord } from '../policy/is-record.ts';
import { type ConfigDocument, readDocument } from './document.ts';
import { type Override, readEnvironment } from './environment.ts';
import { ConfigError, type ConfigPath } from './fault.ts';
import { faultsOfIssue, type Locate } from './issues.ts';
import { checkRules } from './rules.ts';
import { type NodeConfig, nodeConfigSchema, type WrittenConfig } from './schema.ts';

export interface LoadOptions {
  /** Path of the YAML file. */
  readonly file: string;
  /** The process's environment by default. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** What the machine has, for `localhost` and `auto`; the machine itself by default. */
  readonly machine?: Machine;
}

export interface Machine {
  /** Loopback addresses that exist, IPv4 first. */
  readonly loopback: readonly string[];
  readonly cores: number;
}

/**
 * Reads, validates and freezes a node's configuration: the file, then `WATERSHED_*` over it. Relative paths in
 * the file are relative to the file, those in variables to the working directory. Throws ConfigError with every
 * fault, each at its `FILE:LINE:COL` or variable.
 */
export function loadNodeConfig(options: LoadOptions): NodeConfig {
  const { file, env = process.env, machine = thisMachine() } = options;
  return parseNodeConfig(read(file), { file, env, machine });
}

/** As `loadNodeConfig`, from a text; `file` is its name and the base of its relative paths. */
export function parseNodeConfig(text: string, options: Required<LoadOptions>): NodeConfig {
  const { file, env, machine } = options;
  const document = readDocument(text, file);
  const { overrides, faults } = readEnvironment(env);
  const found = [...document.faults, ...faults];
  // A document that cannot be read would only add faults about everything it lacks.
  if (document.faults.length > 0) throw new ConfigError(found);

  const value: unknown = structuredClone(document.value);
  for (const override of overrides) apply(value, override);
  const locate = locator(document, overrides);
  const parsed = nodeConfigSchema.safeParse(value);
  if (!parsed.success)
    found.push(...parsed.error.issues.flatMap((issue) => faultsOfIssue(issue, nodeConfigSchema, locate)));
  else found.push(...checkRules(parsed.data, locate.place));
  if (found.length > 0 || !parsed.success) throw new ConfigError(found);

  const fromVariable = new Set(overrides.map(({ path }) => path.join('.')));
  const base = (path: string) => (fromVariable.has(path) ? process.cwd() : dirname(resolve(file)));
  return freeze(effective(parsed.data, base, machine));
}

/** The machine that the process runs on. */
export function thisMachine(): Machine {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const loopback = ['127.0.0.1', '::1'].filter((ip) => addresses.some(({ address }) => address === ip));
  return { loopback: loopback.length > 0 ? loopback : ['127.0.0.1'], cores: availableParallelism() };
}

function locator(document: ConfigDocument, overrides: readonly Override[]): Locate {
  const variable = (path: ConfigPath) =>
    overrides.find((override) => override.path.every((step, index) => path[index] === step))?.variable;
  return {
    place: (path) => variable(path) ?? document.place(path),
    placeOfKey: (path, key) => variable(path) ?? document.placeOfKey(path, key),
  };
}

/** Sets the value at the path, making the maps on the way. */
function apply(root: unknown, { path, value }: Override): void {
  let map = root;
  for (const [index, step] of path.entries()) {
    if (!isRecord(map)) return;
    if (index === path.length - 1) {
      map[step] = value;
      return;
    }
    if (!isRecord(map[step])) map[step] = {};
    map = map[step];
  }
}

function effective(written: WrittenConfig, base: (path: string) => string, machine: Machine): NodeConfig {
  const file = (path: string, name: string) => resolve(base(name), path);
  const fileOrNull = (path: string | null, name: string) => (path === null ? null : file(path, name));
  const { http, media, tokens, geo, directory, drain, cluster, registry } = written;
  const tls = http.tls && {
    cert: file(http.tls.cert, 'http.tls.cert'),
    key: file(http.tls.key, 'http.tls.key'),
  };
  return {
    ...written,
    policy: {
      ...written.policy,
      file: fileOrNull(written.policy.file, 'policy.file'),
      bundle: fileOrNull(written.policy.bundle, 'policy.bundle'),
      stateDir: fileOrNull(written.policy.stateDir, 'policy.stateDir'),
    },
    http: { ...http, tls, listen: http.host === 'localhost' ? machine.loopback : [http.host] },
    media: {
      ...media,
      workerBin: fileOrNull(media.workerBin, 'media.workerBin'),
      workers: media.workers === 'auto' ? Math.max(1, machine.cores) : media.workers,
      listen: media.listen === 'localhost' ? machine.loopback.map((ip) => ({ ip })) : media.listen,
    },
    tokens: {
      ...tokens,
      issuers: tokens.issuers.map((entry) => ({ ...entry, keyFile: file(entry.keyFile, 'tokens.issuers') })),
    },
    directory: { ...directory, keyFile: fileOrNull(directory.keyFile, 'directory.keyFile') },
    drain: { ...drain, socket: fileOrNull(drain.socket, 'drain.socket') },
    cluster: {
      ...cluster,
      certificate: fileOrNull(cluster.certificate, 'cluster.certificate'),
      key: fileOrNull(cluster.key, 'cluster.key'),
    },
    registry: {
      ...registry,
      passwordFile: fileOrNull(registry.passwordFile, 'registry.passwordFile'),
      sentinelPasswordFile: fileOrNull(registry.sentinelPasswordFile, 'registry.sentinelPasswordFile'),
      tls: registry.tls && {
        ca: fileOrNull(registry.tls.ca, 'registry.tls.ca'),
        cert: fileOrNull(registry.tls.cert, 'registry.tls.cert'),
        key: fileOrNull(registry.tls.key, 'registry.tls.key'),
      },
    },
    geo: { ...geo, database: fileOrNull(geo.database, 'geo.database') },
  };
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const cause = error instanceof Error && 'code' in error ? error.code : error;
    const remedy = 'put a configuration there, or name another by --config or WATERSHED_CONFIG';
    throw new ConfigError([{ where: `${file}:1:1`, message: `cannot be read (${cause}): ${remedy}` }]);
  }
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) freeze(inner);
  }
  return value;
}
