import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';

/** Longest answer read, in bytes. */
const LONGEST = 1024 * 1024;

/** `fetch` from a local address of the caller's choice, as far as directory questions need it. */
export function fetchFrom(localAddress: string): typeof globalThis.fetch {
  return (input, init = {}) =>
    new Promise<Response>((resolve, reject) => {
      const url = new URL(input instanceof Request ? input.url : String(input));
      const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
      const headers = Object.fromEntries(new Headers(init.headers));
      const method = init.method ?? 'GET';
      const options = { method, headers, localAddress, ...(init.signal && { signal: init.signal }) };
      const sent = request(url, options, (answer) => {
        const chunks: Buffer[] = [];
        let length = 0;
        answer.on('data', (chunk: Buffer) => {
          length += chunk.length;
          if (length > LONGEST) answer.destroy(new Error('the answer is too long'));
          else chunks.push(chunk);
        });
        answer.on('error', reject);
        answer.on('end', () => {
          const status = answer.statusCode ?? 500;
          const empty = status === 204 || status === 304;
          const retryAfter = answer.headers['retry-after'];
          resolve(
            new Response(empty ? null : Buffer.concat(chunks), {
              status,
              headers: retryAfter === undefined ? {} : { 'retry-after': retryAfter },
            }),
          );
        });
      });
      sent.on('error', reject);
      sent.end();
    });
}

/** Loopback addresses of one kind of caller: 127.x.0.0/16. */
const NETWORK = 62_500;
/** Second byte of the first network: of participants, and of probes. */
const FIRST = { people: 16, probes: 116 };
/** Regions that have networks of their own; further ones share. */
const REGIONS = 98;

/** Who calls: a participant or a probe. */
export type Caller = keyof typeof FIRST;

/**
 * Loopback addresses for many callers, so that limits for one address are met as they would be by many, and so that
 * an address database can tell callers of one region from those of another.
 * @param region number of the region, or -1 for an address of none
 */
export function loopbackAddress(caller: Caller, region: number, n: number): string {
  return `127.${networkOf(caller, region)}.${Math.floor((n % NETWORK) / 250)}.${1 + (n % 250)}`;
}

/** The networks that `loopbackAddress` takes a region's addresses from. */
export function loopbackNetworks(region: number): string[] {
  return [`127.${networkOf('people', region)}.0.0/16`, `127.${networkOf('probes', region)}.0.0/16`];
}

function networkOf(caller: Caller, region: number): number {
  return FIRST[caller] + 1 + (region < 0 ? -1 : region % REGIONS);
}

/** Whether a URL names this machine by a loopback address of IPv4. */
export function isLoopback(url: string): boolean {
  return isLoopbackAddress(new URL(url).hostname);
}

export function isLoopbackAddress(address: string): boolean {
  return /^127(\.\d{1,3}){3}$/.test(address);
}
