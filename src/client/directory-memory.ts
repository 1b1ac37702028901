import type { DirectoryKeys, DirectoryList } from '../protocol/directory.ts';

/** The claims that decide, with the network address, where a session may be served. */
export interface Asker {
  readonly cloud: string;
  readonly room: string;
  readonly region?: unknown;
  readonly regions?: unknown;
  readonly except?: unknown;
}

/**
 * What a client goes by when its front doors have ended: the keys that they gave, and the nodes of the last list
 * that was verified. A node is asked for those alone whom that list was for: it may not serve everybody.
 */
export class DirectoryMemory {
  keys: DirectoryKeys['keys'] | undefined;
  #listed: { readonly asker: string; readonly urls: readonly string[] } | undefined;

  /** Takes the place of the list before. */
  remember(asker: Asker, { primaries, secondaries }: DirectoryList): void {
    const entries = [...primaries, ...secondaries];
    const siblings = entries.flatMap(({ sibling }) => sibling ?? []);
    this.#listed = { asker: nameOf(asker), urls: [...entries.map(({ url }) => url), ...siblings] };
  }

  /** Nodes that may be asked for this session, by what the cloud said last of such a one; second ones come last. */
  doorsFor(asker: Asker): readonly string[] {
    return this.#listed?.asker === nameOf(asker) ? this.#listed.urls : [];
  }
}

function nameOf({ cloud, room, region, regions, except }: Asker): string {
  return JSON.stringify([cloud, room, region ?? null, regions ?? null, except ?? null]);
}
