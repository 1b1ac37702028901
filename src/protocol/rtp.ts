import { z } from 'zod';

/** Bounded forms of mediasoup's RTP, ICE and DTLS parameters: what crosses the wire is parsed, never cast. */

/** Spatial layers of one producer, and temporal ones of each, at most: they are numbered 0 to 7 wherever they are told. */
export const MAX_LAYERS = 8;

/**
 * Of what one participant sends the others are told, and browsers are by session descriptions (RFC 8866): the end of a
 * line within it would begin another line there, such as a candidate that everybody who watches would send to.
 */
const printable = (max: number) =>
  z
    .string()
    .max(max)
    .regex(/^[\x20-\x7e]*$/, 'printable ASCII alone');

/** Parameters of one codec, encoding or header extension: every subscriber is told of them. */
const MAX_PARAMETERS = 32;
/** A token of RFC 8866, and a value that ends no parameter (section 6.15). */
const parameterNameSchema = z
  .string()
  .max(64)
  .regex(/^[\w!#$%&'*+.^`{|}~-]+$/, 'no name of a parameter');
const parameterValueSchema = z
  .string()
  .max(256)
  .regex(/^[\x20-\x3a\x3c-\x7e]*$/, 'printable ASCII without semicolons alone');
const parametersSchema = z
  .record(parameterNameSchema, z.union([parameterValueSchema, z.number(), z.null(), z.undefined()]))
  .refine((parameters) => Object.keys(parameters).length <= MAX_PARAMETERS, {
    error: `more than ${MAX_PARAMETERS} parameters`,
  });
const mimeTypeSchema = z
  .string()
  .max(64)
  .regex(/^(audio|video)\/[A-Za-z0-9.+-]+$/);
export const mediaKindSchema = z.enum(['audio', 'video']);
export type MediaKind = z.infer<typeof mediaKindSchema>;

const rtcpFeedbackSchema = z.object({ type: printable(32), parameter: printable(32).optional() });
const payloadTypeSchema = z.number().int().min(0).max(127);
const headerUriSchema = printable(200);
const ssrcSchema = z.number().int().min(0).max(0xffffffff);

export const rtpCapabilitiesSchema = z.object({
  codecs: z
    .array(
      z.object({
        kind: mediaKindSchema,
        mimeType: mimeTypeSchema,
        preferredPayloadType: payloadTypeSchema.optional(),
        clockRate: z.number().int().positive(),
        channels: z.number().int().min(1).max(8).optional(),
        parameters: parametersSchema.optional(),
        rtcpFeedback: z.array(rtcpFeedbackSchema).max(16).optional(),
      }),
    )
    .max(64)
    .optional(),
  headerExtensions: z
    .array(
      z.object({
        kind: mediaKindSchema,
        uri: headerUriSchema,
        preferredId: z.number().int().min(1).max(255),
        preferredEncrypt: z.boolean().optional(),
        direction: z.enum(['sendrecv', 'sendonly', 'recvonly', 'inactive']).optional(),
      }),
    )
    .max(64)
    .optional(),
});
export type WireRtpCapabilities = z.infer<typeof rtpCapabilitiesSchema>;

export const rtpParametersSchema = z.object({
  mid: printable(32).optional(),
  msid: printable(256).optional(),
  codecs: z
    .array(
      z.object({
        mimeType: mimeTypeSchema,
        payloadType: payloadTypeSchema,
        clockRate: z.number().int().positive(),
        channels: z.number().int().min(1).max(8).optional(),
        parameters: parametersSchema.optional(),
        rtcpFeedback: z.array(rtcpFeedbackSchema).max(16).optional(),
      }),
    )
    .min(1)
    .max(32),
  headerExtensions: z
    .array(
      z.object({
        uri: headerUriSchema,
        id: z.number().int().min(1).max(255),
        encrypt: z.boolean().optional(),
        parameters: parametersSchema.optional(),
      }),
    )
    .max(32)
    .optional(),
  encodings: z
    .array(
      z.object({
        ssrc: ssrcSchema.optional(),
        rid: printable(32).optional(),
        codecPayloadType: payloadTypeSchema.optional(),
        rtx: z.object({ ssrc: ssrcSchema }).optional(),
        dtx: z.boolean().optional(),
        scalabilityMode: printable(32).optional(),
        scaleResolutionDownBy: z.number().positive().optional(),
        // Whole: mediasoup makes a BigInt of it, and failing that it can say nothing to its worker any more.
        maxBitrate: z.number().int().positive().max(0xffffffff).optional(),
        maxFramerate: z.number().positive().optional(),
        active: z.boolean().optional(),
        priority: z.enum(['very-low', 'low', 'medium', 'high']).optional(),
        networkPriority: z.enum(['very-low', 'low', 'medium', 'high']).optional(),
        adaptivePtime: z.boolean().optional(),
      }),
    )
    .max(8)
    .optional(),
  rtcp: z.object({ cname: printable(256).optional(), reducedSize: z.boolean().optional() }).optional(),
});
export type WireRtpParameters = z.infer<typeof rtpParametersSchema>;

/** RFC 8122 fingerprints. sha-1 and sha-224, which mediasoup would take, are refused: sha-256 or better. */
export const dtlsParametersSchema = z.object({
  role: z.enum(['auto', 'client', 'server']).optional(),
  fingerprints: z
    .array(
      z.object({
        algorithm: z.enum(['sha-256', 'sha-384', 'sha-512']),
        value: z.string().regex(/^([0-9A-Fa-f]{2}:){31,63}[0-9A-Fa-f]{2}$/),
      }),
    )
    .min(1)
    .max(4),
});
export type WireDtlsParameters = z.infer<typeof dtlsParametersSchema>;

export const iceParametersSchema = z.object({
  usernameFragment: z.string(),
  password: z.string(),
  iceLite: z.boolean().optional(),
});

export const iceCandidateSchema = z.object({
  foundation: z.string(),
  priority: z.number(),
  /** Kept for clients that read mediasoup's older name. */
  ip: z.string(),
  address: z.string(),
  protocol: z.enum(['udp', 'tcp']),
  port: z.number().int(),
  type: z.literal('host'),
  tcpType: z.literal('passive').optional(),
});

export const transportInfoSchema = z.object({
  transportId: z.string(),
  iceParameters: iceParametersSchema,
  iceCandidates: z.array(iceCandidateSchema),
  dtlsParameters: z.object({
    role: z.enum(['auto', 'client', 'server']).optional(),
    fingerprints: z.array(z.object({ algorithm: z.string(), value: z.string() })),
  }),
});
export type TransportInfo = z.infer<typeof transportInfoSchema>;
