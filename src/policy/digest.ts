import { createHash } from 'node:crypto';
import type { Datacenter, Policy, Region } from './model.ts';

/**
 * The canonical form: JSON without white space, maps as lists of entries in the order of their names (by UTF-16
 * code unit), lists whose order means nothing sorted. Comments, order of keys and spelling do not change it;
 * everything that the policy *means* does. Signatures and digests are over its UTF-8 bytes.
 */
export function canonicalPolicy(policy: Policy): string {
  return JSON.stringify({
    format: 'watershed-policy-1',
    version: policy.version,
    ...constitutionOf(policy),
    routes: byName(policy.routes.values(), (route) => route.region).map((route) => [
      route.region,
      { primaries: route.primaries, secondaries: route.secondaries },
    ]),
    unknown: policy.unknown === null ? { refuse: true } : { region: policy.unknown },
    conflict: policy.conflict,
    closed: [...policy.closed].sort(),
    expires: policy.expires,
  });
}

/** The canonical form of what two signers answer for: cloud, regions and datacenters, bound to the version. */
export function canonicalConstitution(policy: Policy): string {
  return JSON.stringify({
    format: 'watershed-constitution-1',
    version: policy.version,
    ...constitutionOf(policy),
  });
}

/** `sha256:` and the hex digest of the canonical form. */
export function digestOf(policy: Policy): string {
  return `sha256:${createHash('sha256').update(canonicalPolicy(policy), 'utf8').digest('hex')}`;
}

function constitutionOf(policy: Policy) {
  return {
    cloud: policy.cloud,
    regions: byName(policy.regions.values(), (r) => r.name).map((r) => [r.name, regionForm(r)]),
    datacenters: byName(policy.datacenters.values(), (d) => d.name).map((d) => [d.name, datacenterForm(d)]),
  };
}

function regionForm(region: Region) {
  return {
    countries: [...region.countries].sort(),
    admits: region.admits === 'any' ? 'any' : [...region.admits].sort(),
    confined: region.confined,
  };
}

function datacenterForm(datacenter: Datacenter) {
  return {
    region: datacenter.region,
    url: datacenter.url,
    weight: datacenter.weight,
    key: datacenter.key,
    media: [...datacenter.media].sort(),
  };
}

function byName<T>(values: Iterable<T>, name: (value: T) => string): T[] {
  return [...values].sort((a, b) => (name(a) < name(b) ? -1 : name(a) > name(b) ? 1 : 0));
}
