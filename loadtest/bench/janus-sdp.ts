import { z } from 'zod';
import type { FarEnd, Fingerprint } from '../native/messages.ts';
import { CODECS, streamNumber } from './forwarder.ts';
import type { Medium } from './plan.ts';

/** This end of a transport. */
export interface NearEnd {
  readonly ufrag: string;
  readonly pwd: string;
  readonly fingerprint: Fingerprint;
}

const RTX = 97;

function description(near: NearEnd, sections: readonly (readonly string[])[]): string {
  const common = [
    'c=IN IP4 0.0.0.0',
    'a=rtcp-mux',
    `a=ice-ufrag:${near.ufrag}`,
    `a=ice-pwd:${near.pwd}`,
    `a=fingerprint:${near.fingerprint.algorithm} ${near.fingerprint.value}`,
    // The generator is the DTLS client in every case.
    'a=setup:active',
  ];
  const lines = [
    'v=0',
    'o=- 1 1 IN IP4 0.0.0.0',
    's=-',
    't=0 0',
    `a=group:BUNDLE ${sections.map((_, index) => index).join(' ')}`,
    ...sections.flatMap((section, index) => [
      section[0] ?? '',
      ...common,
      `a=mid:${index}`,
      ...section.slice(1),
    ]),
  ];
  return `${lines.join('\r\n')}\r\n`;
}

/** What a publisher offers. */
export function publisherOffer(near: NearEnd, participant: number, media: readonly Medium[]): string {
  return description(
    near,
    media.map((medium, index) => {
      const { payloadType, mimeType, clockRate } = CODECS[medium.codec];
      const ssrcs = medium.layers.map((_, layer) => streamNumber(participant, index, layer));
      const audio = medium.kind === 'audio';
      return [
        `m=${medium.kind} 9 UDP/TLS/RTP/SAVPF ${payloadType}`,
        'a=sendonly',
        `a=rtpmap:${payloadType} ${mimeType.split('/')[1]}/${clockRate}${audio ? '/2' : ''}`,
        ...(audio ? [] : feedback(payloadType)),
        ...(ssrcs.length > 1 ? [`a=ssrc-group:SIM ${ssrcs.join(' ')}`] : []),
        ...ssrcs.map((ssrc) => `a=ssrc:${ssrc} cname:p${participant}`),
      ];
    }),
  );
}

function feedback(payloadType: number): string[] {
  return ['nack', 'nack pli', 'ccm fir'].map((kind) => `a=rtcp-fb:${payloadType} ${kind}`);
}

/** One line of the SFU's offer to a subscriber. */
export interface OfferedMedia {
  readonly kind: 'audio' | 'video';
  readonly payloadType: number;
  readonly ssrc: number;
  readonly rtxSsrc: number | undefined;
}

/** The media lines of an offer, in order. */
export function readOffer(sdp: string): OfferedMedia[] {
  return sdp
    .split(/^(?=m=)/m)
    .slice(1)
    .map((section) => {
      const [, kind, payloadType] = /^m=(audio|video) \d+ \S+ (\d+)/.exec(section) ?? [];
      const ssrc = /^a=ssrc:(\d+) /m.exec(section)?.[1];
      const rtx = /^a=ssrc-group:FID \d+ (\d+)/m.exec(section)?.[1];
      return {
        kind: z.enum(['audio', 'video']).parse(kind),
        payloadType: Number(payloadType),
        ssrc: Number(ssrc),
        rtxSsrc: rtx === undefined ? undefined : Number(rtx),
      };
    });
}

/** Takes everything that was offered. */
export function subscriberAnswer(near: NearEnd, offered: readonly OfferedMedia[]): string {
  return description(
    near,
    offered.map(({ kind, payloadType, rtxSsrc }) => {
      const { mimeType, clockRate } = kind === 'audio' ? CODECS.opus : CODECS.vp8;
      const withRtx = rtxSsrc !== undefined;
      return [
        `m=${kind} 9 UDP/TLS/RTP/SAVPF ${payloadType}${withRtx ? ` ${RTX}` : ''}`,
        'a=recvonly',
        `a=rtpmap:${payloadType} ${mimeType.split('/')[1]}/${clockRate}${kind === 'audio' ? '/2' : ''}`,
        ...(kind === 'audio' ? [] : feedback(payloadType)),
        ...(withRtx ? [`a=rtpmap:${RTX} rtx/90000`, `a=fmtp:${RTX} apt=${payloadType}`] : []),
      ];
    }),
  );
}

/** Where the SFU is, from its description. */
export function farEndOf(sdp: string): FarEnd {
  const [ufrag, pwd] = [/^a=ice-ufrag:(\S+)/m.exec(sdp)?.[1], /^a=ice-pwd:(\S+)/m.exec(sdp)?.[1]];
  const fingerprint = /^a=fingerprint:(\S+) (\S+)/m.exec(sdp);
  const candidates = [...sdp.matchAll(/^a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host/gim)].map(
    ([, ip = '', port]) => ({ ip, port: Number(port) }),
  );
  if (ufrag === undefined || pwd === undefined || fingerprint === null) {
    throw new Error('the description has no ICE credentials or no fingerprint');
  }
  const [, algorithm = '', value = ''] = fingerprint;
  return { ice: { ufrag, pwd }, candidates, fingerprints: [{ algorithm, value }] };
}
