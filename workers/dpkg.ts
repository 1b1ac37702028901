import { readFileSync } from 'node:fs';

/** Where dpkg keeps what is installed; read directly because asking `dpkg-query` costs a process. */
const DPKG_STATUS = '/var/lib/dpkg/status';

/**
 * The versions of those of the packages that are installed, from dpkg's own record; empty where there is no
 * dpkg. A few milliseconds.
 */
export function installedVersions(packages: readonly string[], status = DPKG_STATUS): Map<string, string> {
  const found = new Map<string, string>();
  let text: string;
  try {
    text = readFileSync(status, 'utf8');
  } catch {
    return found;
  }
  for (const name of packages) {
    const version = installedVersion(text, name);
    if (version !== undefined) found.set(name, version);
  }
  return found;
}

function installedVersion(text: string, name: string): string | undefined {
  const head = `Package: ${name}\n`;
  // A package can be there once for each architecture; the first that is installed counts.
  for (let at = text.indexOf(head); at >= 0; at = text.indexOf(head, at + 1)) {
    if (at > 0 && text[at - 1] !== '\n') continue;
    const end = text.indexOf('\n\n', at);
    const stanza = text.slice(at, end < 0 ? undefined : end);
    if (!/^Status: \S+ \S+ installed$/m.test(stanza)) continue;
    return /^Version: (.+)$/m.exec(stanza)?.[1];
  }
  return undefined;
}
