/**
 * Node links: how nodes of one cloud speak with each other. WebSocket over TLS 1.3 with a certificate on both
 * sides; whether a certificate is that of a node is asked of `LinkTrust`, before a byte of ours is sent or read.
 * JSON messages, ordered within a link; requests have deadlines.
 */
export interface Links {
  /** `host:port` that other nodes dial. */
  readonly address: string;
  /**
   * A link to a node, dialled unless one is up already. Rejects with a LinkError: `link_unreachable`, or
   * `link_refused` (the far side is not that node, or does not take us for one).
   */
  connect(node: LinkTarget): Promise<Link>;
  /** Links that are up now, whoever dialled. */
  up(): readonly Link[];
  /** The one handler of requests of that name. What it throws is answered as an error, a code and a message. */
  onRequest(name: string, handler: (from: Link, data: unknown) => unknown): void;
  onNotice(name: string, handler: (from: Link, data: unknown) => void): void;
  /** Told of each link that comes up or goes down. Two nodes that dial each other at once have two for a while. */
  onChange(listener: (link: Link, state: 'up' | 'down') => void): void;
  /**
   * Asks again whether each link's certificate is that of a node, after the policy was switched; else it closes. Asked
   * now and then by itself as well: certificates expire. Answers whose link closed.
   */
  rejudge(): readonly LinkPeer[];
  /** Closes every link and the listener; idempotent. */
  close(): Promise<void>;
}

export interface LinkTarget {
  readonly id: string;
  readonly datacenter: string;
  /** `host:port`. */
  readonly link: string;
}

/** A node, as its certificate says and the policy confirms. */
export interface LinkPeer {
  readonly id: string;
  readonly datacenter: string;
}

export interface Link {
  readonly peer: LinkPeer;
  readonly open: boolean;
  /**
   * Resolves with the far side's answer, unread: parse it. Rejects with a LinkError: `link_timeout` (after
   * `timeoutMs`, 5000 by default), `link_lost`, `link_too_large` (it, or the answer), or the code that the far side
   * answered with.
   */
  request(name: string, data: unknown, timeoutMs?: number): Promise<unknown>;
  /** In order with everything else on this link; lost when the link is, or when it is too large. */
  notice(name: string, data: unknown): void;
  /** Idempotent. */
  close(reason: string): void;
}

/** Whether a certificate (DER) is that of a node of this cloud, by the policy of this moment. */
export interface LinkTrust {
  verify(
    certificate: Uint8Array,
  ): ({ readonly ok: true } & LinkPeer) | { readonly ok: false; readonly reason: string };
}

export interface LinksOptions {
  /** PEM. */
  readonly certificate: string;
  readonly key: string;
  readonly trust: LinkTrust;
  /** Address to listen on; port 0 for any free one. */
  readonly host: string;
  readonly port: number;
  /** What other nodes are told to dial, where it is not the listener itself. */
  readonly announced?: string;
  readonly log: LinkLog;
  readonly timing?: Partial<LinkTiming>;
  /** Connections at once that have not become links yet; 128 of an address and 1024 in all by default. */
  readonly waiting?: {
    /** Beyond it a new one of the address is closed. */
    readonly perAddress: number;
    /** Beyond it the oldest is closed, whosever it is: nodes do not wait long. */
    readonly total: number;
  };
}

export interface LinkTiming {
  /** From the first packet to an accepted link. */
  readonly connectMs: number;
  readonly pingMs: number;
  /** A link that says nothing for so long is dead. */
  readonly silenceMs: number;
  /** How often every link's certificate is judged again. */
  readonly rejudgeMs: number;
}

/** The part of a pino logger that links use. */
export interface LinkLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What goes wrong between two nodes. Never shown to participants. */
export class LinkError extends Error {
  /** `link_unreachable`, `link_refused`, `link_timeout`, `link_lost`, `link_too_large`, or what the far side answered with. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'LinkError';
    this.code = code;
  }
}
