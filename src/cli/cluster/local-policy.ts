import { parseDocument } from 'yaml';

/** What stands at a datacenter on this machine. */
export interface LocalSite {
  /** `ws://127.0.0.1:PORT`. */
  readonly url: string;
  /** Public enrolment key, as the policy writes it. */
  readonly key: string;
}

/**
 * The text of a policy with the URL and the enrolment key of each datacenter replaced by local ones, and nothing
 * else. The text must be a policy, and `sites` has all of its datacenters.
 */
export function localPolicyText(text: string, sites: ReadonlyMap<string, LocalSite>): string {
  const document = parseDocument(text, { keepSourceTokens: false });
  for (const [datacenter, { url, key }] of sites) {
    if (!document.hasIn(['datacenters', datacenter])) throw new Error(`no datacenter ${datacenter}`);
    document.setIn(['datacenters', datacenter, 'url'], url);
    document.setIn(['datacenters', datacenter, 'key'], key);
  }
  return document.toString({ lineWidth: 0 });
}
