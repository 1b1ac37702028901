import { z } from 'zod';
import {
  directoryAnswerSchema,
  directoryEntrySchema,
  directoryKeysSchema,
  directoryListSchema,
} from '../directory.ts';
import { redirectSchema, refusalSchema } from '../events.ts';
import {
  dtlsParametersSchema,
  iceCandidateSchema,
  iceParametersSchema,
  rtpCapabilitiesSchema,
  rtpParametersSchema,
  transportInfoSchema,
} from '../rtp.ts';
import {
  consumerInfoSchema,
  joinedSchema,
  peerInfoSchema,
  producerInfoSchema,
  roomInfoSchema,
} from '../state.ts';
import { joinClaimsSchema } from '../token.ts';

/** Shapes that several messages share; the document has a section of its own for each. */
export const SHARED = {
  DirectoryEntry: directoryEntrySchema,
  DirectoryList: directoryListSchema,
  DirectoryAnswer: directoryAnswerSchema,
  DirectoryKeys: directoryKeysSchema,
  Refusal: refusalSchema,
  Redirect: redirectSchema,
  Joined: joinedSchema,
  RoomInfo: roomInfoSchema,
  PeerInfo: peerInfoSchema,
  ProducerInfo: producerInfoSchema,
  ConsumerInfo: consumerInfoSchema,
  TransportInfo: transportInfoSchema,
  RtpCapabilities: rtpCapabilitiesSchema,
  RtpParameters: rtpParametersSchema,
  IceParameters: iceParametersSchema,
  IceCandidate: iceCandidateSchema,
  DtlsParameters: dtlsParametersSchema,
  JoinClaims: joinClaimsSchema,
} as const;

const names = new Map<z.ZodType, string>(Object.entries(SHARED).map(([name, schema]) => [schema, name]));

/** One field as the document must list it. */
export interface Field {
  /** `a`, `a.b` in an object, `a[].b` in a list of objects; `?` at the end where it may be missing. */
  readonly path: string;
  /** The shared shape that it refers to, where it does. */
  readonly shared: string | null;
}

/** Every field of a schema; shared shapes inside it are referred to, not spelled out. */
export function fieldsOf(schema: z.ZodType): Field[] {
  return fieldsWithin(schema, '');
}

/** The names of a schema's fields at the top, for what is exactly a shared shape. */
export function sharedNameOf(schema: z.ZodType): string | null {
  return names.get(schema) ?? null;
}

function fieldsWithin(schema: z.ZodType, prefix: string): Field[] {
  if (schema instanceof z.ZodDiscriminatedUnion || schema instanceof z.ZodUnion) {
    const all = schema.options.flatMap((option) =>
      option instanceof z.ZodType ? fieldsWithin(option, prefix) : [],
    );
    return unique(all);
  }
  if (!(schema instanceof z.ZodObject)) return [];
  const base = baseOf(schema);
  const fields = Object.entries(schema.shape).flatMap(([name, value]) =>
    value instanceof z.ZodType && base?.schema.shape[name] !== value
      ? fieldOf(value, `${prefix}${name}`)
      : [],
  );
  return base === undefined ? fields : [{ path: `${prefix}…`, shared: base.name }, ...fields];
}

/** The shared shape that a schema extends, where it does: then only what it adds is spelled out. */
function baseOf(schema: z.ZodObject): { name: string; schema: z.ZodObject } | undefined {
  return Object.entries(SHARED)
    .map(([name, shared]) => ({ name, schema: shared }))
    .filter(({ schema: shared }) => shared !== schema)
    .find(({ schema: shared }) =>
      Object.entries(shared.shape).every(([name, value]) => schema.shape[name] === value),
    );
}

function fieldOf(schema: z.ZodType, path: string, optional = ''): Field[] {
  const shared = names.get(schema);
  if (shared !== undefined) return [{ path: path + optional, shared }];
  if (schema instanceof z.ZodOptional) return inner(schema.unwrap(), path, '?');
  if (schema instanceof z.ZodNullable) return inner(schema.unwrap(), path, optional);
  if (schema instanceof z.ZodArray) return inner(schema.element, `${path}[]`, optional);
  const own = { path: path + optional, shared: null };
  return [own, ...fieldsWithin(schema, `${path}.`)];
}

function inner(schema: unknown, path: string, optional: string): Field[] {
  return schema instanceof z.ZodType ? fieldOf(schema, path, optional) : [];
}

/** Fields of several alternatives: one that an alternative lacks is optional only if an alternative says so. */
function unique(fields: Field[]): Field[] {
  return [...new Map(fields.map((field) => [field.path, field])).values()];
}
