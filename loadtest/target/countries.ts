import { mmdb } from '../../src/geo/testing/mmdb-writer.ts';
import type { Policy } from '../../src/policy/model.ts';
import { loopbackNetworks } from '../measure/local-address.ts';

/** A country that has no inhabitants, and that no policy is expected to list: of callers from no region. */
const NOWHERE = 'AQ';

/**
 * An address database by which the loopback addresses of a run's participants and probes lie in a country of their
 * region. Regions without countries have no entry: their addresses say nothing.
 */
export function countriesOf(policy: Policy): Buffer {
  const entries: Record<string, string> = {};
  const enter = (region: number, country: string | undefined): void => {
    if (country !== undefined) for (const network of loopbackNetworks(region)) entries[network] = country;
  };
  [...policy.regions.values()].forEach(({ countries }, region) => {
    enter(region, countries[0]);
  });
  enter(-1, NOWHERE);
  return mmdb(entries);
}
