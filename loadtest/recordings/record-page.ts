/** One frame of one layer, as the encoder made it. */
export interface TakenFrame {
  readonly key: boolean;
  /** RTP timestamp: the same for all layers of a picture. */
  readonly timestamp: number;
  readonly spatial: number;
  readonly temporal: number;
  /** Base64. */
  readonly data: string;
}

/**
 * Evaluated in a page, as text, since what runs there knows nothing of this program: encodes a moving test picture in
 * a call of the page with itself, and gives the frames of so many pictures.
 */
export const recordInPage = `async ({ codec, scalabilityMode, maxBitrate, width, height, frameRate, pictures }) => {
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width, height });
  const paint = canvas.getContext('2d');
  const draw = (n) => {
    ['#c0c0c0', '#c0c000', '#00c0c0', '#00c000', '#c000c0', '#c00000', '#0000c0'].forEach((colour, bar) => {
      paint.fillStyle = colour;
      paint.fillRect((bar * width) / 7, 0, width / 7 + 1, height);
    });
    const turn = (2 * Math.PI * n) / pictures;
    paint.fillStyle = '#101010';
    paint.beginPath();
    paint.arc(width / 2 + (width / 3) * Math.sin(turn), height / 2, height / 6, 0, 2 * Math.PI);
    paint.fill();
    paint.fillStyle = '#f0f0f0';
    paint.font = height / 9 + 'px sans-serif';
    paint.fillText(codec.toUpperCase() + ' ' + String(n % pictures), width / 20, height - height / 20);
  };
  const worker = new Worker(URL.createObjectURL(new Blob([\`
    onrtctransform = async ({ transformer }) => {
      const writer = transformer.writable.getWriter();
      const reader = transformer.readable.getReader();
      for (;;) {
        const { value: frame, done } = await reader.read();
        if (done) return;
        const { spatialIndex = 0, temporalIndex = 0, rtpTimestamp } = frame.getMetadata();
        const bytes = new Uint8Array(frame.data);
        let text = '';
        for (const byte of bytes) text += String.fromCharCode(byte);
        postMessage({ key: frame.type === 'key', timestamp: rtpTimestamp ?? frame.timestamp, spatial: spatialIndex, temporal: temporalIndex, data: btoa(text) });
        writer.write(frame);
      }
    };
  \`])));
  const frames = [];
  const seen = new Set();
  let done;
  const finished = new Promise((resolve) => { done = resolve; });
  worker.onmessage = ({ data }) => {
    if (seen.add(data.timestamp).size > pictures) done();
    else frames.push(data);
  };
  const [near, far] = [new RTCPeerConnection(), new RTCPeerConnection()];
  near.onicecandidate = ({ candidate }) => candidate && far.addIceCandidate(candidate);
  far.onicecandidate = ({ candidate }) => candidate && near.addIceCandidate(candidate);
  const [track] = canvas.captureStream(0).getVideoTracks();
  const { sender } = near.addTransceiver(track, {
    direction: 'sendonly',
    sendEncodings: [{ scalabilityMode, maxBitrate, maxFramerate: frameRate }],
  });
  sender.transform = new RTCRtpScriptTransform(worker, {});
  const transceiver = near.getTransceivers()[0];
  const all = RTCRtpSender.getCapabilities('video').codecs;
  const chosen = all.filter(({ mimeType, sdpFmtpLine = '' }) =>
    mimeType.toLowerCase() === 'video/' + codec &&
    (codec !== 'h264' || /packetization-mode=1.*profile-level-id=42e0/.test(sdpFmtpLine)) &&
    (codec !== 'vp9' || /profile-id=0/.test(sdpFmtpLine)));
  if (chosen.length === 0) throw new Error('this Chromium has no ' + codec);
  transceiver.setCodecPreferences(chosen.slice(0, 1));
  await near.setLocalDescription();
  await far.setRemoteDescription(near.localDescription);
  await far.setLocalDescription();
  // Enough for all layers from the first frame on.
  const sdp = far.localDescription.sdp.replace(/a=rtpmap:(\\d+) (VP9|AV1|H264).*\\r\\n/, (line, payload) =>
    line + 'a=fmtp:' + payload + ' x-google-start-bitrate=2000\\r\\n');
  await near.setRemoteDescription({ type: 'answer', sdp });
  await sender.setParameters({ ...sender.getParameters(), degradationPreference: 'maintain-resolution' });
  let n = 0;
  draw(n);
  const timer = setInterval(() => {
    draw(++n);
    track.requestFrame();
  }, 1000 / frameRate);
  const late = setTimeout(() => done(), 60000);
  await finished;
  clearInterval(timer);
  clearTimeout(late);
  near.close();
  far.close();
  worker.terminate();
  return frames;
}`;
