import { bridgeOrigin, firstOverlaps, overlap, type Prefix, parsePrefix } from './address.ts';
import type { Datacenter } from './model.ts';
import { place, type Sited, type Violation } from './prove.ts';

/**
 * That clouds share nothing: no datacenter's name, host, enrolment key or public media prefix of one is in
 * another. Files of one cloud are versions of it, and are not compared.
 */
export function checkApart(files: readonly Sited[]): Violation[] {
  return files.flatMap((later, i) =>
    files
      .slice(0, i)
      .flatMap((earlier) => (earlier.policy.cloud === later.policy.cloud ? [] : sharedBy(earlier, later))),
  );
}

/** Something of `mine` (of the later cloud) that `theirs` has too. */
interface Shared {
  readonly what: string;
  readonly mine: Datacenter;
  readonly theirs: Datacenter;
  /** Key of the datacenter's entry that holds it; null for its name. */
  readonly part: 'url' | 'key' | 'media' | null;
}

function sharedBy(earlier: Sited, later: Sited): Violation[] {
  const theirs = [...earlier.policy.datacenters.values()];
  const hosts = new Map(theirs.map((d) => [siteOf(d.url), d]));
  const above = new Map(theirs.flatMap((d) => namesAbove(siteOf(d.url)).map((name) => [name, d] as const)));
  const keys = new Map(theirs.flatMap((d) => (d.key === null ? [] : [[d.key, d] as const])));
  const found: Shared[] = [];
  for (const mine of later.policy.datacenters.values()) {
    const share = (what: string, other: Datacenter | undefined, part: Shared['part']) => {
      if (other !== undefined) found.push({ what, mine, theirs: other, part });
    };
    share(`the datacenter name ${mine.name}`, earlier.policy.datacenters.get(mine.name), null);
    // A node's URL is its datacenter's host or a name under it, so a name under the other's is the other's.
    const host = siteOf(mine.url);
    const parent = namesAbove(host).find((name) => hosts.has(name)) ?? '';
    share(`the URL's host ${host}`, hosts.get(host) ?? above.get(host) ?? hosts.get(parent), 'url');
    if (mine.key !== null) share('an enrolment key', keys.get(mine.key), 'key');
  }
  return [...found, ...sharedMedia(earlier, later)].map((shared) => violationOf(earlier, later, shared));
}

function violationOf(earlier: Sited, later: Sited, { what, mine, theirs, part }: Shared): Violation {
  const positionOf = ({ positions }: Sited, { name }: Datacenter) =>
    part === null ? positions.key(['datacenters', name]) : positions.value(['datacenters', name, part]);
  const other = positionOf(earlier, theirs);
  const clouds = `${earlier.policy.cloud} and ${later.policy.cloud}`;
  const where = place(earlier.positions.file, other);
  return {
    file: later.positions.file,
    ...positionOf(later, mine),
    code: 'shared',
    message: `clouds ${clouds} share ${what}: datacenter ${theirs.name} of ${earlier.policy.cloud} has it too (${where})`,
    client: null,
    datacenter: mine.name,
    list: null,
    down: [],
    fence: { file: earlier.positions.file, ...other },
  };
}

/** Host of a bridge's URL; on loopback with the port, since there every cloud has the same host. */
function siteOf(url: string): string {
  const origin = bridgeOrigin(url);
  if (!origin.ok) return url;
  return origin.loopback ? origin.origin : origin.host;
}

/** The names that a host is under: of a.b.c, b.c and c. */
function namesAbove(host: string): string[] {
  const labels = host.split('.');
  return labels.slice(1).map((_, i) => labels.slice(i + 1).join('.'));
}

interface Media {
  readonly site: Datacenter;
  readonly sited: Sited;
  readonly text: string;
  readonly prefix: Prefix;
}

function sharedMedia(earlier: Sited, later: Sited): Shared[] {
  const media = [earlier, later].flatMap((sited) => publicMedia(sited));
  return firstOverlaps(media, (a, b) => a.sited !== b.sited).flatMap(([a, b]) => {
    const [theirs, mine] = a.sited === earlier ? [a, b] : [b, a];
    return [
      { what: `addresses of ${mine.text}`, mine: mine.site, theirs: theirs.site, part: 'media' as const },
    ];
  });
}

const PRIVATE = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '127.0.0.0/8',
  '169.254.0.0/16',
  'fc00::/7',
  'fe80::/10',
  '::1',
].flatMap((text) => parsePrefix(text) ?? []);

/** Without private addresses: those are each network's own, and two clouds may number theirs alike. */
function publicMedia(sited: Sited): Media[] {
  return [...sited.policy.datacenters.values()].flatMap((site) =>
    site.media.flatMap((text) => {
      const prefix = parsePrefix(text);
      const own = PRIVATE.some((p) => prefix !== null && p.length <= prefix.length && overlap(p, prefix));
      return prefix === null || own ? [] : [{ site, sited, text, prefix }];
    }),
  );
}
