/**
 * Names of everything that a cloud keeps in its Redis. Whatever one script touches has the same hash tag (the part in
 * braces), so that Redis Cluster keeps it in one place.
 *
 * | key | what |
 * |---|---|
 * | `ws:cloud` | string: the cloud that this Redis belongs to |
 * | `{ws:CLOUD:dc:DATACENTER}:nodes` | sorted set: ids of nodes by their load step |
 * | `{ws:CLOUD:dc:DATACENTER}:node:ID` | string: load and sealed record, for as long as the lease runs |
 * | `{ws:CLOUD:dc:DATACENTER}:calls` | string: what its nodes are asked to repeat, newest first, a space behind each |
 * | `{ws:CLOUD:room:ROOM}` | hash: `epoch`, `regions`, and `n:DATACENTER/ID` for each node's part |
 * | `{ws:CLOUD}:bundle` | string: the signed policy bundle |
 */
export class RedisKeys {
  /** The same for every cloud: that is how one is kept from another's Redis. */
  readonly mark = 'ws:cloud';
  readonly bundle: string;
  readonly #cloud: string;

  constructor(cloud: string) {
    this.#cloud = cloud;
    this.bundle = `{ws:${cloud}}:bundle`;
  }

  index(datacenter: string): string {
    return `{ws:${this.#cloud}:dc:${datacenter}}:nodes`;
  }

  /** The node's id follows. */
  nodes(datacenter: string): string {
    return `{ws:${this.#cloud}:dc:${datacenter}}:node:`;
  }

  calls(datacenter: string): string {
    return `{ws:${this.#cloud}:dc:${datacenter}}:calls`;
  }

  room(key: string): string {
    return `{ws:${this.#cloud}:room:${key}}`;
  }
}
