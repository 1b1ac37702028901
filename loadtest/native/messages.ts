import { z } from 'zod';

/** Where a datagram goes. */
export interface Endpoint {
  readonly ip: string;
  readonly port: number;
}

export interface Fingerprint {
  readonly algorithm: string;
  readonly value: string;
}

/** The far end of a transport, as an SFU describes it. */
export interface FarEnd {
  readonly ice: { readonly ufrag: string; readonly pwd: string };
  readonly candidates: readonly Endpoint[];
  readonly fingerprints: readonly Fingerprint[];
}

export type SrtpProfile =
  | 'AEAD_AES_256_GCM'
  | 'AEAD_AES_128_GCM'
  | 'AES_CM_128_HMAC_SHA1_80'
  | 'AES_CM_128_HMAC_SHA1_32';

interface TransportSettings {
  readonly transport: string;
  readonly bind?: string;
  /** Over TCP, framed by RFC 4571, in place of UDP. */
  readonly tcp?: boolean;
  readonly remb?: number;
  readonly twcc?: number;
  readonly impair?: { readonly dropSend?: number; readonly dropReceive?: number; readonly seed?: number };
}

/** With ICE and DTLS: at once, or, with `start: false`, once `startTransport` names the far end. */
export type NewTransport = TransportSettings & { readonly profiles?: readonly SrtpProfile[] } & (
    | FarEnd
    | { readonly start: false }
  );

/** Without ICE and DTLS. Keys: base64 of master key and salt. */
export type NewPlainTransport = TransportSettings & {
  readonly remote: Endpoint;
  readonly srtp: { readonly profile: SrtpProfile; readonly send: string; readonly receive: string };
};

/** Microseconds to the next frame, and the payload sizes of this one's packets. */
export type ShapeFrame = readonly [number, readonly number[]];

export interface NewShape {
  readonly shape: string;
  readonly frames: readonly ShapeFrame[];
  readonly keyFrame?: readonly number[];
  readonly keyHead?: string;
  readonly deltaHead?: string;
}

/** A shape of recorded frames: the payloads themselves, in base64. The first is a key frame. */
export interface NewRecording {
  readonly shape: string;
  readonly frames: readonly (readonly [number, readonly string[]])[];
}

export type GeneratorCodec = 'none' | 'opus' | 'vp8' | 'vp9';

export interface NewSender {
  readonly transport: string;
  readonly sender: string;
  readonly shape: string;
  readonly codec: GeneratorCodec;
  readonly ssrc: number;
  readonly pt: number;
  readonly clockRate: number;
  readonly rtx?: { readonly ssrc: number; readonly pt: number };
  readonly cname?: string;
  readonly stream?: number;
  readonly sequence?: number;
  readonly phase?: number;
  readonly active?: boolean;
  readonly history?: number;
  readonly temporalLayers?: number;
  readonly spatialLayers?: number;
  readonly extensions?: readonly { readonly id: number; readonly data: string }[];
}

export interface SenderChange {
  readonly sender: string;
  readonly active?: boolean;
  readonly shape?: string;
  /** Of the shape's frames, the one to go on with; counted round. */
  readonly frame?: number;
  readonly extensions?: readonly { readonly id: number; readonly data: string }[];
}

export interface NewReceiver {
  readonly transport: string;
  readonly receiver: string;
  readonly ssrc: number;
  readonly rtx?: { readonly ssrc: number };
  readonly clockRate?: number;
  readonly codec?: GeneratorCodec;
  readonly nack?: boolean;
  readonly twcc?: number;
}

export const readySchema = z.object({
  event: z.literal('ready'),
  version: z.literal(1),
  pid: z.number(),
  fingerprint: z.object({ algorithm: z.string(), value: z.string() }),
});

const stateSchema = z.object({
  event: z.literal('state'),
  transport: z.string(),
  state: z.enum(['connected', 'disconnected', 'failed', 'closed']),
  profile: z.string().optional(),
  /** From the start to the first `connected`. */
  ms: z.number().optional(),
  reason: z.string().optional(),
});

/** What became of a transport. */
export type TransportState = z.infer<typeof stateSchema>;

const answerSchema = z.looseObject({ id: z.number(), ok: z.literal(true) });
const errorSchema = z.object({ id: z.number(), error: z.string() });

/** Every line after the first. */
export const lineSchema = z.union([
  stateSchema.transform((state) => ({ state })),
  answerSchema.transform((answer) => ({ id: answer.id, answer })),
  errorSchema,
]);

export const credentialsSchema = z.object({ ufrag: z.string(), pwd: z.string(), port: z.number() });
export const removedSchema = z.object({ sequence: z.number() });

/** µs. */
const distribution = z.object({
  count: z.number(),
  mean: z.number(),
  p50: z.number(),
  p90: z.number(),
  p99: z.number(),
  p999: z.number(),
  max: z.number(),
});

const counts = <K extends string>(...names: K[]) => z.record(z.enum(names), z.number());

const totalsSchema = z.intersection(
  counts(
    'transports',
    'senders',
    'receivers',
    'sent',
    'sentBytes',
    'frames',
    'keyFrames',
    'retransmitted',
    'received',
    'receivedBytes',
    'missing',
    'duplicates',
    'reordered',
    'recovered',
    'stamped',
    'stampMissing',
    'unknown',
    'authFailures',
    'datagramsSent',
    'datagramsReceived',
    'sendCalls',
    'receiveCalls',
    'sendErrors',
    'cpuUserUs',
    'cpuSystemUs',
    'nowNs',
  ),
  z.object({ latency: distribution, lateness: distribution }),
);

const senderSchema = counts(
  'packets',
  'bytes',
  'frames',
  'keyFrames',
  'keyFrameRequests',
  'nacked',
  'retransmitted',
  'stream',
);

const receiverSchema = z.intersection(
  counts(
    'packets',
    'bytes',
    'missing',
    'duplicates',
    'reordered',
    'recovered',
    'stamped',
    'stampMissing',
    'switches',
    'frames',
    'keyFrames',
    'keyFrameBytes',
    'freezes',
    'longestGapUs',
  ),
  z.object({
    stream: z.number().nullable(),
    firstPacketUs: z.number().nullable(),
    firstKeyFrameUs: z.number().nullable(),
    jitter: z.object({ last: z.number(), max: z.number() }),
    latency: distribution,
  }),
);

const transportSchema = z.intersection(
  counts('rttUs', 'consents', 'unknown', 'authFailures', 'rtcpReceived', 'rtcpSent', 'nacksSent', 'dropped'),
  z.object({ state: z.string() }),
);

/** The answer to `stats`. */
export const statsSchema = z.object({
  totals: totalsSchema,
  senders: z.record(z.string(), senderSchema).optional(),
  receivers: z.record(z.string(), receiverSchema).optional(),
  transports: z.record(z.string(), transportSchema).optional(),
});

export type GeneratorStats = z.infer<typeof statsSchema>;

/**
 * One receiver in the answer to `flows`: packets, bytes, missing, frames, key frames, freezes, µs to the first
 * packet, jitter in µs, and with `reset` the latencies since the last one as pairs of bucket and count.
 */
const flowSchema = z.tuple([
  z.number(),
  z.number(),
  z.number(),
  z.number(),
  z.number(),
  z.number(),
  z.number().nullable(),
  z.number(),
  z.array(z.tuple([z.number(), z.number()])),
]);

/** The answer to `flows`. */
export const flowsSchema = z.object({
  sent: z.number(),
  sentBytes: z.number(),
  /** µs, 99th percentile since the last reset. */
  lateness: z.number(),
  flows: z.record(z.string(), flowSchema),
});

export type GeneratorFlows = z.infer<typeof flowsSchema>;
