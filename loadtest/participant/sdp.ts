import type { DtlsParameters, IceCandidate, IceParameters, RtpParameters } from 'mediasoup-client/types';

/** One media line as the far end would have written it. */
export interface MediaLine {
  readonly kind: 'audio' | 'video';
  readonly mid: string;
  readonly direction: 'sendonly' | 'recvonly' | 'inactive';
  readonly codecs: RtpParameters['codecs'];
  /** SSRCs that the far end sends. */
  readonly ssrcs: readonly number[];
}

/** What stays the same in every description of one far end. */
export interface FarEnd {
  readonly iceParameters: IceParameters;
  readonly dtlsParameters: DtlsParameters;
}

/**
 * A description of a mediasoup transport, which knows no SDP itself (RFC 8866, 8839, 8842).
 * @param setup `actpass` in an offer, `passive` in an answer: this end is the DTLS client
 */
export function farSdp(
  far: FarEnd,
  setup: 'actpass' | 'passive',
  lines: readonly MediaLine[],
  version: number,
): string {
  const { usernameFragment, password } = far.iceParameters;
  const fingerprint = far.dtlsParameters.fingerprints.find(({ algorithm }) => algorithm === 'sha-256');
  if (fingerprint === undefined) throw new Error('the transport has no sha-256 fingerprint');
  const session = [
    'v=0',
    `o=- 1 ${version} IN IP4 127.0.0.1`,
    's=-',
    't=0 0',
    'a=ice-lite',
    `a=group:BUNDLE ${lines.map(({ mid }) => mid).join(' ')}`,
  ];
  const media = lines.flatMap((line) => [
    `m=${line.kind} 9 UDP/TLS/RTP/SAVPF ${line.codecs.map(({ payloadType }) => payloadType).join(' ')}`,
    'c=IN IP4 127.0.0.1',
    `a=mid:${line.mid}`,
    `a=${line.direction}`,
    'a=rtcp-mux',
    ...line.codecs.flatMap(codecLines),
    ...line.ssrcs.map((ssrc) => `a=ssrc:${ssrc} cname:far`),
    `a=ice-ufrag:${usernameFragment}`,
    `a=ice-pwd:${password}`,
    `a=fingerprint:sha-256 ${fingerprint.value}`,
    `a=setup:${setup}`,
  ]);
  return `${[...session, ...media].join('\r\n')}\r\n`;
}

function codecLines(codec: RtpParameters['codecs'][number]): string[] {
  const name = codec.mimeType.slice(codec.mimeType.indexOf('/') + 1);
  const channels = (codec.channels ?? 1) > 1 ? `/${codec.channels}` : '';
  return [
    `a=rtpmap:${codec.payloadType} ${name}/${codec.clockRate}${channels}`,
    ...(codec.rtcpFeedback ?? []).map(({ type, parameter }) =>
      `a=rtcp-fb:${codec.payloadType} ${type} ${parameter ?? ''}`.trimEnd(),
    ),
  ];
}

/** A UDP candidate of the transport, as `addRemoteCandidate` takes it. */
export function candidateLine(candidate: IceCandidate): string {
  const { foundation, priority, address, port } = candidate;
  return `candidate:${foundation} 1 UDP ${priority} ${address} ${port} typ host`;
}

/** The fingerprint that this end's own description states. */
export function ownFingerprint(sdp: string): string {
  const value = /^a=fingerprint:sha-256 (\S+)/im.exec(sdp)?.[1];
  if (value === undefined) throw new Error('the local description has no sha-256 fingerprint');
  return value;
}
