import { isIP } from 'node:net';
import { z } from 'zod';
import { parsePublicKey } from '../policy/bundle.ts';
import { nameSchema } from '../protocol/token.ts';
import { registryShape } from './registry.ts';

/**
 * The configuration of one node as it is written, in YAML or in `WATERSHED_*` variables. Units are in the names,
 * or in the comment; bit/s for bitrates. `config/node.yaml` says what each key is for, with the same defaults.
 */

const count = (min: number, max: number) => z.int().min(min).max(max);
const seconds = (max: number, min = 1) => z.number().min(min).max(max);
const path = z.string().min(1);
const ip = z.string().refine((text) => isIP(text) !== 0, 'must be an IP address');
const rate = (perSecond: number, burst: number) =>
  section({
    perSecond: z.number().positive().max(10_000).default(perSecond),
    burst: count(1, 100_000).default(burst),
  });

/** A part of the document: no other keys, written only where it differs from the defaults, or left empty. */
function section<S extends z.core.$ZodLooseShape>(shape: S) {
  // prefault: an absent section is an empty one, so that the defaults of its keys apply.
  return z.preprocess((value) => value ?? {}, z.strictObject(shape)).prefault({});
}

const network = z.string().refine(isNetwork, 'must be a network such as 192.0.2.0/24 or 2001:db8::/32');

const origin = z
  .string()
  .refine(
    (text) => text === 'self' || text === 'cloud' || isOrigin(text),
    'must be "self", "cloud" or an exact origin such as https://meet.example.net, without a path',
  );

const publicUrl = z
  .string()
  .refine(isBridgeUrl, 'must be wss://host[:port] (ws: only to loopback), without a path');

const pipes = z.strictObject({
  ip,
  /** Other nodes send to it, and take packets from it alone: an address, not a name. */
  announced: ip.optional(),
  portMin: count(1024, 65_535).default(40_000),
  portMax: count(1024, 65_535).default(49_999),
});

const listen = z.union([
  z.literal('localhost'),
  z.array(z.strictObject({ ip, announced: z.string().min(1).optional() })).min(1),
]);

export const nodeConfigSchema = z.strictObject({
  mode: z.enum(['development', 'production']).default('production'),
  node: z.strictObject({
    /** Null: a new one at each start. */
    id: nameSchema.nullable().default(null),
    datacenter: z.string().min(1).max(63),
    /** Null: the one that the policy's file names. */
    cloud: nameSchema.nullable().default(null),
  }),
  policy: z.strictObject({
    /** A policy that nobody signed. */
    file: path.nullable().default(null),
    /** A signed bundle. */
    bundle: path.nullable().default(null),
    /** Trust roots: whose signatures count, and over what. */
    signers: z
      .array(
        z.strictObject({
          name: nameSchema,
          key: z.string().refine((text) => parsePublicKey(text) !== null, 'must be ed25519:<43 characters>'),
          over: z
            .array(z.enum(['constitution', 'document']))
            .min(1)
            .default(['constitution', 'document']),
        }),
      )
      .default([]),
    /** Where the node keeps the last good bundle and the highest version that ran. */
    stateDir: path.nullable().default(null),
  }),
  http: section({
    host: z.string().min(1).default('localhost'),
    port: count(0, 65_535).default(4433),
    tls: z.strictObject({ cert: path, key: path }).nullable().default(null),
    trustedProxies: z.array(network).default([]),
    /** Every connection begins with a PROXY header (version 1 or 2) of a trusted proxy. */
    proxyProtocol: z.boolean().default(false),
    /** Null: `ws(s)://HOST:PORT` of this very listener. */
    publicUrl: publicUrl.nullable().default(null),
  }),
  signaling: section({
    origins: z.array(origin).default(['self', 'cloud']),
    firstMessageSeconds: seconds(60).default(5),
    resumeSeconds: seconds(300).default(30),
    /** Before the join token's `exp`, and after it. */
    expiryWarningSeconds: seconds(86_400).default(60),
    expiryGraceSeconds: seconds(86_400, 0).default(30),
    messagesPerSecond: z.number().min(1).max(1000).default(50),
    /** Messages at once, before the rate counts. */
    messageBurst: count(1, 10_000).default(200),
    maxMessageBytes: count(16_384, 65_536).default(65_536),
    maxBufferedBytes: count(65_536, 64 * 1024 * 1024).default(1024 * 1024),
    requestsInFlight: count(1, 1024).default(32),
    maxConnections: count(1, 1_000_000).default(10_000),
    maxConnectionsPerAddress: count(1, 1_000_000).default(200),
  }),
  media: section({
    workers: z.union([z.literal('auto'), count(1, 256)]).default('auto'),
    workerBin: path.nullable().default(null),
    listen: listen.default('localhost'),
    basePort: z.union([z.literal(0), count(1024, 65_535)]).default(20_000),
    udp: z.boolean().default(true),
    tcp: z.boolean().default(true),
    limits: section({
      producersPerPeer: count(1, 64).default(8),
      consumersPerPeer: count(1, 4096).default(400),
      maxIncomingBitrate: count(64_000, 1_000_000_000).default(8_000_000),
      maxOutgoingBitrate: count(64_000, 1_000_000_000).default(20_000_000),
      initialOutgoingBitrate: count(64_000, 1_000_000_000).default(1_000_000),
      /** ms between two key-frame requests for one producer. */
      keyFrameInterval: count(100, 60_000).default(1000),
      consumersPerWorker: count(1, 10_000).default(1000),
    }),
  }),
  rooms: section({
    peersPerRoom: count(1, 10_000).default(100),
    roomsPerNode: count(1, 100_000).default(1000),
    maxDurationSeconds: seconds(31 * 86_400)
      .nullable()
      .default(null),
    waitingRoom: z.boolean().default(false),
    waitingSeconds: seconds(86_400).default(600),
    /** Hosts at other nodes of the room are shown no more. */
    waitingPerRoom: count(0, 1000).default(100),
    emptySeconds: seconds(3600, 0).default(15),
    endedSeconds: seconds(86_400, 0).default(300),
    lastN: count(1, 1000).nullable().default(null),
    chatPerPeer: rate(1, 10),
    chatPerRoom: rate(10, 50),
  }),
  tokens: section({
    issuers: z.array(z.strictObject({ issuer: z.string().min(1).max(256), keyFile: path })).default([]),
    /** Join tokens from the page and `watershed token`, by a key made at each start. */
    development: z.boolean().default(false),
    maxAgeSeconds: seconds(366 * 86_400, 60).default(86_400),
  }),
  directory: section({
    /** Null: a key made at each start. */
    keyFile: path.nullable().default(null),
    /** Questions of one address (IPv6: a /64). */
    perAddress: rate(10, 200),
  }),
  geo: section({
    database: path.nullable().default(null),
    private: z.array(network).default([]),
    /** In development: loopback addresses are looked up in the database too. */
    loopback: z.boolean().default(false),
  }),
  cluster: section({
    /** What `watershed node enrol` made; null for a standalone node. */
    certificate: path.nullable().default(null),
    key: path.nullable().default(null),
    /** Where other nodes dial this one. */
    link: section({
      host: z.string().min(1).default('127.0.0.1'),
      port: count(0, 65_535).default(0),
      /** `host:port`; null: the listener itself. */
      announced: z
        .string()
        .max(256)
        .regex(/^(\[[0-9A-Fa-f:.]+\]|[^\s:/[\]]+):\d{1,5}$/, 'must be host:port')
        .nullable()
        .default(null),
    }),
    /** Null: no media to or from other nodes. */
    pipes: pipes.nullable().default(null),
  }),
  registry: section(registryShape),
  drain: section({
    seconds: seconds(3600).default(60),
    emptySeconds: seconds(7 * 86_400).default(7200),
    /** Null: signals alone. */
    socket: path.nullable().default(null),
  }),
  log: section({
    level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
    /** `auto`: pretty where standard output is a terminal. */
    pretty: z.union([z.literal('auto'), z.boolean()]).default('auto'),
  }),
});

/** As it is written, with the defaults filled in: paths and `localhost` are not resolved yet. */
export type WrittenConfig = z.output<typeof nodeConfigSchema>;

/** An address that media listens on; `announced` is what candidates say instead (NAT). */
export interface ListenAddress {
  readonly ip: string;
  readonly announced?: string;
}

type DeepReadonly<T> = T extends (infer E)[]
  ? readonly DeepReadonly<E>[]
  : T extends object
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : T;

/** The effective configuration: validated, paths absolute, addresses resolved, frozen. */
export type NodeConfig = DeepReadonly<
  Omit<WrittenConfig, 'http' | 'media'> & {
    http: WrittenConfig['http'] & {
      /** What to listen on: every loopback address there is for `localhost`, else the host alone. */
      listen: string[];
    };
    media: Omit<WrittenConfig['media'], 'listen' | 'workers'> & {
      listen: ListenAddress[];
      workers: number;
    };
  }
>;

function isNetwork(text: string): boolean {
  const [, address = '', length] = /^([^/%]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address);
  return version !== 0 && (length === undefined || Number(length) <= (version === 4 ? 32 : 128));
}

function isOrigin(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : null;
  return url !== null && (url.protocol === 'http:' || url.protocol === 'https:') && url.origin === text;
}

function isBridgeUrl(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || url.pathname !== '/' || url.search !== '' || url.hash !== '' || text.endsWith('/')) {
    return false;
  }
  const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(url.hostname);
  const scheme = url.protocol === 'wss:' || (url.protocol === 'ws:' && loopback);
  return scheme && url.username === '' && url.password === '';
}
