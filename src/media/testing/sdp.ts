import type { TransportInfo, WireDtlsParameters, WireRtpParameters } from '../../protocol/rtp.ts';

export interface MediaSection {
  readonly mid: string;
  readonly kind: 'audio' | 'video';
  readonly direction: 'sendonly' | 'recvonly' | 'inactive';
  readonly rtpParameters: WireRtpParameters;
}

/** What the far end of a transport would have written (an ICE-lite host). */
export function remoteSdp(
  transport: TransportInfo,
  setup: 'actpass' | 'passive',
  sections: readonly MediaSection[],
): string {
  const { iceParameters, iceCandidates, dtlsParameters } = transport;
  const fingerprint = dtlsParameters.fingerprints.find(({ algorithm }) => algorithm === 'sha-256');
  if (!fingerprint) throw new Error('the transport has no sha-256 fingerprint');
  const session = [
    'v=0',
    'o=- 1 1 IN IP4 127.0.0.1',
    's=-',
    't=0 0',
    'a=ice-lite',
    `a=group:BUNDLE ${sections.map(({ mid }) => mid).join(' ')}`,
  ];
  const media = sections.flatMap(({ mid, kind, direction, rtpParameters }) => {
    const codec = rtpParameters.codecs[0];
    if (!codec) throw new Error('no codec');
    const { payloadType, mimeType, clockRate, channels } = codec;
    return [
      `m=${kind} 9 UDP/TLS/RTP/SAVPF ${payloadType}`,
      'c=IN IP4 127.0.0.1',
      `a=mid:${mid}`,
      `a=${direction}`,
      'a=rtcp-mux',
      `a=rtpmap:${payloadType} ${mimeType.split('/')[1]}/${clockRate}${channels ? `/${channels}` : ''}`,
      ...(direction === 'sendonly'
        ? (rtpParameters.encodings ?? []).map(({ ssrc }) => `a=ssrc:${ssrc} cname:test`)
        : []),
      `a=ice-ufrag:${iceParameters.usernameFragment}`,
      `a=ice-pwd:${iceParameters.password}`,
      `a=fingerprint:sha-256 ${fingerprint.value}`,
      `a=setup:${setup}`,
      ...iceCandidates
        .filter(({ protocol }) => protocol === 'udp')
        .map((c) => `a=candidate:${c.foundation} 1 UDP ${c.priority} ${c.address} ${c.port} typ host`),
      'a=end-of-candidates',
    ];
  });
  return `${[...session, ...media].join('\r\n')}\r\n`;
}

/** The DTLS parameters in a description of ours; we are the client. */
export function dtlsFromSdp(sdp: string): WireDtlsParameters {
  const value = /^a=fingerprint:sha-256 (\S+)/im.exec(sdp)?.[1];
  if (value === undefined) throw new Error('the description has no sha-256 fingerprint');
  return { role: 'client', fingerprints: [{ algorithm: 'sha-256', value }] };
}
