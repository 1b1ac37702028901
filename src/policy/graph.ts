import type { CompiledPolicy } from './compile.ts';
import { fence } from './fence.ts';
import type { Datacenter, Region } from './model.ts';

const ROW = 34;
const BOX_PAD = 12;
const TITLE = 44;
const LEFT = { x: 24, width: 220 } as const;
const RIGHT = { x: 620, width: 300 } as const;
const TOP = 76;

interface Placed {
  readonly region: Region;
  readonly y: number;
  readonly height: number;
  readonly sites: readonly { readonly site: Datacenter; readonly y: number }[];
}

/**
 * An SVG of the policy: client regions to the left, fences with their datacenters to the right, a line for each
 * entry of a route; an entry that its fence forbids is red. Colours are never the only sign: forbidden lines are
 * dotted and end in a cross, secondaries are dashed.
 */
export function graph(p: CompiledPolicy): string {
  const { policy } = p;
  const placed = place([...policy.regions.values()], [...policy.datacenters.values()]);
  const bottom = Math.max(TOP, ...placed.map((r) => r.y + r.height)) + 16;
  const yOfSite = new Map(placed.flatMap((r) => r.sites.map(({ site, y }) => [site.name, y] as const)));
  const clients = placed.map(({ region, y, height }) => ({ region, y: y + height / 2 }));
  const body = [
    `<text x="${LEFT.x}" y="34" class="title">${xml(policy.cloud)}, policy ${policy.version}</text>`,
    `<text x="${LEFT.x}" y="56" class="note">clients of</text>`,
    `<text x="${RIGHT.x}" y="56" class="note">fences, and the datacenters within them</text>`,
    ...placed.flatMap((r) => fenceBox(r, policy.closed)),
    ...clients.flatMap(({ region, y }) => routeLines(p, region.name, y, yOfSite)),
    ...clients.flatMap(({ region, y }) => clientBox(region, y, policy.routes.has(region.name))),
    legend(bottom + 8),
  ];
  const height = bottom + 36;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 960 ${height}" width="960" height="${height}" role="img" aria-label="${xml(`Routes and fences of ${policy.cloud}`)}">
<style>${STYLE}</style>
<rect width="960" height="${height}" fill="#ffffff"/>
${body.join('\n')}
</svg>
`;
}

const STYLE = [
  'text{font:13px system-ui,sans-serif;fill:#1b2733}',
  '.title{font-size:18px;font-weight:600}',
  '.note{font-size:12px;fill:#556270}',
  '.primary{stroke:#1f6f54;stroke-width:2;fill:none}',
  '.secondary{stroke:#3a6ea5;stroke-width:1.4;stroke-dasharray:7 4;fill:none}',
  '.forbidden{stroke:#c62828;stroke-width:2;stroke-dasharray:2 4;fill:none}',
  '.red{fill:#c62828;font-weight:700}',
].join('');

function place(regions: readonly Region[], datacenters: readonly Datacenter[]): Placed[] {
  let y = TOP;
  return regions.map((region) => {
    const own = datacenters.filter((d) => d.region === region.name);
    const height = TITLE + Math.max(own.length, 0.5) * ROW + BOX_PAD;
    const top = y;
    y += height + 16;
    const sites = own.map((site, i) => ({ site, y: top + TITLE + i * ROW + ROW / 2 }));
    return { region, y: top, height, sites };
  });
}

function fenceBox({ region, y, height, sites }: Placed, closed: readonly string[]): string[] {
  const open = region.admits === 'any';
  const admits = open ? 'admits any' : `admits only ${shorten(region.admits.join(', '), 28)}`;
  return [
    `<rect x="${RIGHT.x}" y="${y}" width="${RIGHT.width}" height="${height}" rx="8" fill="${open ? '#f4f8f6' : '#fdf3e7'}" stroke="${open ? '#9db8ac' : '#b26a00'}" stroke-width="${open ? 1 : 3}"/>`,
    `<text x="${RIGHT.x + 14}" y="${y + 22}" font-weight="600">${xml(region.name)}</text>`,
    `<text x="${RIGHT.x + 14}" y="${y + 38}" class="note">${xml(admits)}</text>`,
    ...sites.flatMap(({ site, y: at }) => [
      `<circle cx="${RIGHT.x + 20}" cy="${at}" r="5" fill="${closed.includes(site.name) ? '#ffffff' : '#1b2733'}" stroke="#1b2733"/>`,
      `<text x="${RIGHT.x + 34}" y="${at + 4}">${xml(site.name)}${closed.includes(site.name) ? ' (closed)' : ''}</text>`,
    ]),
  ];
}

function clientBox(region: Region, y: number, routed: boolean): string[] {
  const countries = region.countries.length === 0 ? 'no countries' : shorten(region.countries.join(' '), 26);
  const badge = region.confined ? ', confined' : '';
  return [
    `<rect x="${LEFT.x}" y="${y - 22}" width="${LEFT.width}" height="44" rx="8" fill="#eef3f8" stroke="#7f9bb5" stroke-width="${region.confined ? 3 : 1}"/>`,
    `<text x="${LEFT.x + 14}" y="${y - 3}" font-weight="600">${xml(region.name)}${badge}</text>`,
    `<text x="${LEFT.x + 14}" y="${y + 14}" class="note">${routed ? xml(countries) : 'no route: refused'}</text>`,
  ];
}

function routeLines(
  p: CompiledPolicy,
  client: string,
  y: number,
  yOfSite: ReadonlyMap<string, number>,
): string[] {
  const route = p.policy.routes.get(client);
  if (route === undefined) return [];
  const from = LEFT.x + LEFT.width;
  return (['primaries', 'secondaries'] as const).flatMap((list) =>
    route[list].flatMap((datacenter, i) => {
      const end = yOfSite.get(datacenter);
      if (end === undefined) return [];
      const forbidden = !fence(p.policy, client, datacenter).allowed;
      // A forbidden line ends at the fence.
      const to = forbidden ? RIGHT.x - 14 : RIGHT.x + 14;
      const kind = forbidden ? 'forbidden' : list === 'primaries' ? 'primary' : 'secondary';
      const title = `${client} → ${datacenter}, ${list === 'primaries' ? `primary ${i + 1}` : 'secondary'}${forbidden ? ', forbidden' : ''}`;
      const curve = `M${from},${y} C${from + 150},${y} ${to - 150},${end} ${to},${end}`;
      const cross = forbidden ? `<text x="${to}" y="${end + 5}" class="red">✕</text>` : '';
      return [`<path class="${kind}" d="${curve}"><title>${xml(title)}</title></path>${cross}`];
    }),
  );
}

function legend(y: number): string {
  const kinds: [string, string][] = [
    ['primary', 'primary'],
    ['secondary', 'secondary (two are drawn)'],
    ['forbidden', 'forbidden by the fence'],
  ];
  return kinds
    .map(([kind, text], i) => {
      const x = LEFT.x + i * 230;
      return `<path class="${kind}" d="M${x},${y} h36"/><text x="${x + 44}" y="${y + 4}" class="note">${text}</text>`;
    })
    .join('');
}

function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

function xml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}
