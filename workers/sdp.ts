import type { types } from 'mediasoup';

/** What a media line of one sending encoding says. */
export interface MediaLine {
  readonly mid: string;
  readonly direction: 'sendonly' | 'recvonly';
  readonly payloadType: number;
  readonly ssrc: number;
}

/**
 * A session description with one Opus line for a mediasoup transport, as its far end would have written it.
 * @param setup the transport's DTLS role (RFC 8842 section 5)
 */
export function transportSdp(
  transport: types.WebRtcTransport,
  setup: 'actpass' | 'active' | 'passive',
  media: MediaLine,
): string {
  const fingerprint = transport.dtlsParameters.fingerprints.find((f) => f.algorithm === 'sha-256');
  const candidate = transport.iceCandidates[0];
  if (!fingerprint || !candidate)
    throw new Error('the transport offers no sha-256 fingerprint or no candidate');
  const { usernameFragment, password } = transport.iceParameters;
  const lines = [
    'v=0',
    'o=- 1 1 IN IP4 127.0.0.1',
    's=-',
    't=0 0',
    'a=ice-lite',
    `a=group:BUNDLE ${media.mid}`,
    `m=audio 9 UDP/TLS/RTP/SAVPF ${media.payloadType}`,
    'c=IN IP4 127.0.0.1',
    `a=mid:${media.mid}`,
    `a=${media.direction}`,
    'a=rtcp-mux',
    `a=rtpmap:${media.payloadType} opus/48000/2`,
    ...(media.direction === 'sendonly' ? [`a=ssrc:${media.ssrc} cname:selftest`] : []),
    `a=ice-ufrag:${usernameFragment}`,
    `a=ice-pwd:${password}`,
    `a=fingerprint:sha-256 ${fingerprint.value}`,
    `a=setup:${setup}`,
    `a=candidate:${candidate.foundation} 1 UDP ${candidate.priority} ${candidate.address} ${candidate.port} typ host`,
    'a=end-of-candidates',
  ];
  return `${lines.join('\r\n')}\r\n`;
}

/** The DTLS parameters that a peer's description states, with the role it will play. */
export function dtlsFromSdp(sdp: string, role: 'client' | 'server'): types.DtlsParameters {
  const value = /^a=fingerprint:sha-256 (\S+)/im.exec(sdp)?.[1];
  if (value === undefined) throw new Error('the description has no sha-256 fingerprint');
  return { role, fingerprints: [{ algorithm: 'sha-256', value }] };
}
