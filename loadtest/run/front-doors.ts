import type { Target } from '../target/target.ts';

/**
 * Nodes that a participant's application would name to ask for a datacenter list: those of its own region first,
 * then the others of its route. Without a policy every node there is.
 */
export function frontDoorsOf({ nodes, policy }: Target, region: string): string[] {
  const own = nodes.filter((node) => node.region === region);
  if (policy === null) return nodes.map(({ url }) => url);
  const route = policy.routes.get(region);
  const named = [...(route?.primaries ?? []), ...(route?.secondaries ?? [])];
  const others = named.flatMap((datacenter) => nodes.filter((node) => node.datacenter === datacenter));
  return [...new Set([...own, ...others].map(({ url }) => url))];
}
