import type {
  RtpCapabilities,
  RtpHeaderExtensionUri,
  RtpParameters,
  TransportOptions,
} from 'mediasoup-client/types';
import {
  dtlsParametersSchema,
  rtpCapabilitiesSchema,
  rtpParametersSchema,
  type TransportInfo,
  type WireDtlsParameters,
  type WireRtpCapabilities,
  type WireRtpParameters,
} from '../protocol/rtp.ts';

/** The header extensions that mediasoup-client knows; others cannot be used and are left out. */
const KNOWN_EXTENSIONS: { readonly [U in RtpHeaderExtensionUri]: true } = {
  'urn:ietf:params:rtp-hdrext:sdes:mid': true,
  'urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id': true,
  'urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id': true,
  'http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time': true,
  'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01': true,
  'urn:ietf:params:rtp-hdrext:ssrc-audio-level': true,
  'https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension': true,
  'urn:3gpp:video-orientation': true,
  'http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time': true,
  'http://www.webrtc.org/experiments/rtp-hdrext/playout-delay': true,
  'urn:mediasoup:params:rtp-hdrext:packet-id': true,
};

function isKnownExtension(uri: string): uri is RtpHeaderExtensionUri {
  return Object.hasOwn(KNOWN_EXTENSIONS, uri);
}

/** The node's router capabilities, as the device loads them. */
export function capabilitiesFromWire(wire: WireRtpCapabilities): RtpCapabilities {
  return {
    codecs: (wire.codecs ?? []).flatMap((codec) =>
      codec.preferredPayloadType === undefined
        ? []
        : [{ ...codec, preferredPayloadType: codec.preferredPayloadType }],
    ),
    headerExtensions: (wire.headerExtensions ?? []).flatMap((extension) =>
      isKnownExtension(extension.uri) ? [{ ...extension, uri: extension.uri }] : [],
    ),
  };
}

/** A consumer's parameters, as the device consumes them. */
export function parametersFromWire(wire: WireRtpParameters): RtpParameters {
  return {
    ...wire,
    headerExtensions: (wire.headerExtensions ?? []).flatMap((extension) =>
      isKnownExtension(extension.uri) ? [{ ...extension, uri: extension.uri }] : [],
    ),
  };
}

/** A transport's parameters, as the device builds its end. */
export function transportFromWire(info: TransportInfo): TransportOptions {
  return {
    id: info.transportId,
    iceParameters: info.iceParameters,
    iceCandidates: info.iceCandidates,
    dtlsParameters: {
      role: info.dtlsParameters.role ?? 'auto',
      fingerprints: info.dtlsParameters.fingerprints.flatMap(({ algorithm, value }) =>
        isStrongHash(algorithm) ? [{ algorithm, value }] : [],
      ),
    },
  };
}

/** sha-1 and sha-224 are left out: what is verified is sha-256 or better. */
function isStrongHash(algorithm: string): algorithm is 'sha-256' | 'sha-384' | 'sha-512' {
  return algorithm === 'sha-256' || algorithm === 'sha-384' || algorithm === 'sha-512';
}

/** The device's own capabilities, bounded as the wire bounds them. Throws where they do not fit. */
export function capabilitiesToWire(capabilities: RtpCapabilities): WireRtpCapabilities {
  return rtpCapabilitiesSchema.parse(capabilities);
}

export function parametersToWire(parameters: RtpParameters): WireRtpParameters {
  return rtpParametersSchema.parse(parameters);
}

/** The device's DTLS parameters; only sha-256 or better fingerprints are sent. */
export function dtlsToWire(parameters: {
  role?: 'auto' | 'client' | 'server';
  fingerprints: { algorithm: string; value: string }[];
}): WireDtlsParameters {
  return dtlsParametersSchema.parse({
    role: parameters.role,
    fingerprints: parameters.fingerprints.filter(({ algorithm }) => isStrongHash(algorithm)),
  });
}
