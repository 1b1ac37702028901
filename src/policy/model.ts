/** The policy as data: what one YAML document per cloud says, after parsing. Names are the document's own. */

/** Datacenters that admit clients of these regions, or of any defined region. */
export type Admits = 'any' | readonly string[];

/** A named area: the client countries in it and, through `Datacenter.region`, the sites in it. */
export interface Region {
  readonly name: string;
  /** ISO 3166-1 alpha-2, upper case. */
  readonly countries: readonly string[];
  /** The fence around this region's datacenters. */
  readonly admits: Admits;
  /** The fence around this region's clients: only datacenters of this region may serve them. */
  readonly confined: boolean;
}

/** A site in exactly one region. */
export interface Datacenter {
  readonly name: string;
  readonly region: string;
  /** `wss:`, or `ws:` to loopback; as written. */
  readonly url: string;
  /** Static weight in the draw of secondaries, above 0. */
  readonly weight: number;
  /** Enrolment key; a datacenter without one cannot register a node. */
  readonly key: string | null;
  /** Prefixes (`203.0.113.0/24`, `2001:db8::/32`) that its media addresses lie in. */
  readonly media: readonly string[];
}

/** What clients of a region try, in order: all primaries, then two of the secondaries. */
export interface Route {
  readonly region: string;
  readonly primaries: readonly string[];
  readonly secondaries: readonly string[];
}

export interface Policy {
  /** Strictly increasing from one policy of a cloud to the next. */
  readonly version: number;
  readonly cloud: string;
  readonly regions: ReadonlyMap<string, Region>;
  readonly datacenters: ReadonlyMap<string, Datacenter>;
  readonly routes: ReadonlyMap<string, Route>;
  /** Region of a session without a verified claim, or null: such a session is refused. */
  readonly unknown: string | null;
  /** Claim and address disagree: both must be satisfied, or the session is refused. */
  readonly conflict: 'both' | 'refuse';
  /** Datacenters that admit nobody. */
  readonly closed: readonly string[];
  /** Milliseconds since the epoch, after which nobody new is admitted; null for never. */
  readonly expires: number | null;
}

/**
 * What a session is judged by. Plain data: it travels with every byte the session originates.
 * `evidence` is C (every region the session gave evidence of; it only grows, and `home` counts as part of it),
 * `regions` is N (the regions left by narrowing; null for all; it only shrinks).
 */
export interface Label {
  readonly home: string;
  readonly evidence: readonly string[];
  readonly regions: readonly string[] | null;
}

/** 1-based; columns count UTF-16 code units, as editors do. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Where in a document something stands: names of keys and indices of list entries, from the root. */
export type Path = readonly (string | number)[];

/** Where the parts of a parsed document stand. What is not written is found at its nearest written parent. */
export interface Positions {
  readonly file: string;
  /** Of the key (or of the list entry) at the end of the path. */
  key(path: Path): Position;
  /** Of the value at the end of the path. */
  value(path: Path): Position;
}

/** One finding about a file: a fault (not a policy), a warning, or a violation. */
export interface Fault extends Position {
  readonly file: string;
  /** Stable identifier of the kind of finding. */
  readonly code: string;
  readonly message: string;
}
