let shared: AudioContext | undefined;

/** The page's one audio context; suspended until a gesture where the browser wants one. */
function audioContext(): AudioContext {
  shared ??= new AudioContext();
  if (shared.state === 'suspended') void shared.resume().catch(() => undefined);
  return shared;
}

/** Loudness of a track, measured ten times a second. */
export interface LevelMeter {
  close(): void;
}

/** Calls `onLevel` with 0 (silence, -60 dBFS and below) to 1 (full scale). */
export function meterLevel(track: MediaStreamTrack, onLevel: (level: number) => void): LevelMeter {
  const context = audioContext();
  const source = context.createMediaStreamSource(new MediaStream([track]));
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  source.connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const timer = window.setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    onLevel(levelOf(samples));
  }, 100);
  return {
    close() {
      window.clearInterval(timer);
      source.disconnect();
    },
  };
}

/** Root mean square of samples in -1 to 1, on a scale that is even to the ear. */
function levelOf(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const decibels = 10 * Math.log10(sum / Math.max(1, samples.length) + 1e-12);
  return Math.min(1, Math.max(0, (decibels + 60) / 54));
}

/** A short chime through the chosen speaker, to hear whether it is the right one. */
export async function playTestSound(speakerId: string): Promise<void> {
  const context = audioContext();
  const destination = context.createMediaStreamDestination();
  const at = context.currentTime + 0.05;
  for (const [index, frequency] of [523.25, 659.25, 783.99].entries()) {
    const oscillator = context.createOscillator();
    const gain = context.createGain();
    oscillator.frequency.value = frequency;
    gain.gain.setValueAtTime(0, at + index * 0.16);
    gain.gain.linearRampToValueAtTime(0.22, at + index * 0.16 + 0.02);
    gain.gain.exponentialRampToValueAtTime(0.001, at + index * 0.16 + 0.5);
    oscillator.connect(gain).connect(destination);
    oscillator.start(at + index * 0.16);
    oscillator.stop(at + index * 0.16 + 0.55);
  }
  const audio = new Audio();
  audio.srcObject = destination.stream;
  if (speakerId !== '' && 'setSinkId' in audio) await audio.setSinkId(speakerId);
  await audio.play();
  window.setTimeout(() => {
    audio.srcObject = null;
  }, 1500);
}
