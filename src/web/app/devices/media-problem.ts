export type DeviceKind = 'camera' | 'microphone' | 'screen';

/** What went wrong with a device, in words that say what to do. */
export interface MediaProblem {
  readonly code: 'insecure' | 'unsupported' | 'denied' | 'missing' | 'busy' | 'unavailable';
  readonly title: string;
  readonly advice: string;
}

const NAMES: Record<DeviceKind, string> = { camera: 'camera', microphone: 'microphone', screen: 'screen' };

/** Undefined where the page may use devices at all (a secure context: HTTPS or localhost); else why not. */
export function mediaAvailable(): MediaProblem | undefined {
  if (!window.isSecureContext) {
    return {
      code: 'insecure',
      title: 'This page was not loaded over HTTPS',
      advice:
        'Browsers allow camera and microphone only over HTTPS or on localhost. Open the meeting by its https:// address.',
    };
  }
  // Typed as always there; absent in embedded and very old browsers.
  if (!('mediaDevices' in navigator) || !('RTCPeerConnection' in window)) {
    return {
      code: 'unsupported',
      title: 'This browser cannot take part in calls',
      advice: 'Use a current version of Chrome, Edge, Firefox or Safari.',
    };
  }
  return undefined;
}

/** The DOMException names of getUserMedia and getDisplayMedia, as advice. */
export function describeMediaError(error: unknown, kind: DeviceKind): MediaProblem {
  const name = error instanceof Error || error instanceof DOMException ? error.name : '';
  const message = error instanceof Error || error instanceof DOMException ? error.message : String(error);
  const what = NAMES[kind];
  switch (name) {
    case 'NotAllowedError':
    case 'SecurityError':
      if (/system/i.test(message)) {
        return {
          code: 'denied',
          title: `Your system blocks the ${what}`,
          advice: `Allow this browser to use the ${what} in the system's privacy settings, then try again.`,
        };
      }
      return {
        code: 'denied',
        title: `The ${what} is blocked for this page`,
        advice: `Allow the ${what} through the icon in the address bar, then try again.`,
      };
    case 'NotFoundError':
    case 'OverconstrainedError':
      return {
        code: 'missing',
        title: `No ${what} found`,
        advice: `Connect a ${what}, or join without one.`,
      };
    case 'NotReadableError':
    case 'AbortError':
      return {
        code: 'busy',
        title: `The ${what} cannot be started`,
        advice: `Another program may be using the ${what}. Close it, then try again.`,
      };
    default:
      return {
        code: 'unavailable',
        title: `The ${what} cannot be used`,
        advice: message === '' ? 'Try again, or choose another device.' : message,
      };
  }
}
