import { getSupportedRtpCapabilities, ortc, parseScalabilityMode, type types } from 'mediasoup';
import { WatershedError } from '../protocol/errors.ts';
import {
  MAX_LAYERS,
  rtpCapabilitiesSchema,
  rtpParametersSchema,
  type WireRtpCapabilities,
  type WireRtpParameters,
} from '../protocol/rtp.ts';
import { asWatershedError } from './media-error.ts';

const HEADER_URIS = new Set<string>(
  getSupportedRtpCapabilities().headerExtensions?.map((extension) => extension.uri) ?? [],
);

function isHeaderUri(uri: string): uri is types.RtpHeaderExtensionUri {
  return HEADER_URIS.has(uri);
}

/**
 * What a subscriber can receive, in mediasoup's types. Header extensions that mediasoup does not know cannot be
 * sent by it, and are left out. Throws `unsupported_media` for capabilities that no consumer could be made for.
 */
export function toRtpCapabilities(wire: WireRtpCapabilities): types.RtpCapabilities {
  const capabilities: types.RtpCapabilities = {
    codecs: (wire.codecs ?? []).map((codec) => {
      const { preferredPayloadType } = codec;
      if (preferredPayloadType === undefined) {
        throw new WatershedError('unsupported_media', `${codec.mimeType} has no preferredPayloadType`);
      }
      return { ...codec, preferredPayloadType };
    }),
    headerExtensions: (wire.headerExtensions ?? []).flatMap((extension) =>
      isHeaderUri(extension.uri) ? [{ ...extension, uri: extension.uri }] : [],
    ),
  };
  try {
    ortc.validateAndNormalizeRtpCapabilities(capabilities);
  } catch (error) {
    throw asWatershedError(error, 'unsupported_media');
  }
  return capabilities;
}

/** The capabilities that matter for one kind of media: mediasoup copies and checks all it is given for each consumer. */
export function capabilitiesOfKind(
  { codecs, headerExtensions }: types.RtpCapabilities,
  kind: types.MediaKind,
): types.RtpCapabilities {
  return {
    codecs: codecs?.filter((codec) => codec.kind === kind),
    headerExtensions: headerExtensions?.filter((extension) => extension.kind === kind),
  };
}

/**
 * What a publisher sends, in mediasoup's types; mediasoup itself checks it against the router. It would take up to 99
 * layers, of which no other node could be told: throws `unsupported_media`.
 */
export function toRtpParameters(wire: WireRtpParameters): types.RtpParameters {
  for (const { scalabilityMode } of wire.encodings ?? []) {
    const { spatialLayers, temporalLayers } = parseScalabilityMode(scalabilityMode);
    if (spatialLayers > MAX_LAYERS || temporalLayers > MAX_LAYERS) {
      throw new WatershedError('unsupported_media', `more than ${MAX_LAYERS} layers`);
    }
  }
  return {
    mid: wire.mid,
    msid: wire.msid,
    codecs: wire.codecs,
    headerExtensions: (wire.headerExtensions ?? []).flatMap((extension) =>
      isHeaderUri(extension.uri) ? [{ ...extension, uri: extension.uri }] : [],
    ),
    encodings: wire.encodings?.map(
      ({ ssrc, rid, codecPayloadType, rtx, dtx, scalabilityMode, maxBitrate }) => ({
        ssrc,
        rid,
        codecPayloadType,
        rtx,
        dtx,
        scalabilityMode,
        maxBitrate,
      }),
    ),
    rtcp: wire.rtcp,
  };
}

/** A consumer's parameters as they go over the wire. */
export function toWireRtpParameters(parameters: types.RtpParameters): WireRtpParameters {
  return rtpParametersSchema.parse(parameters);
}

/** A router's capabilities as they go over the wire. */
export function toWireRtpCapabilities(capabilities: types.RtpCapabilities): WireRtpCapabilities {
  return rtpCapabilitiesSchema.parse(capabilities);
}
