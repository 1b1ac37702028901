import { MAX_LINK_MESSAGE_BYTES } from '../../../links/channel.ts';
import { type Link, LinkError, type LinkPeer, type Links, type LinkTarget } from '../../../links/types.ts';
import { nodeKey } from '../../../policy/node-key.ts';

type RequestHandler = (from: Link, data: unknown) => unknown;
type NoticeHandler = (from: Link, data: unknown) => void;

/** Links between the nodes of one process: ordered, asynchronous, as JSON; they can be cut. */
export class FakeNetwork {
  /** By address. */
  readonly nodes = new Map<string, FakeLinks>();
  readonly #cut = new Set<string>();
  /** Told of everything that is said, at the moment when it is: by whom, to whom, and what. */
  onSaid: (from: LinkPeer, to: LinkPeer, data: unknown) => void = () => {};

  join(peer: LinkPeer): FakeLinks {
    const links = new FakeLinks(peer, this);
    this.nodes.set(links.address, links);
    return links;
  }

  /** Nothing passes between two nodes any more, and their links go down. */
  cut(a: LinkPeer, b: LinkPeer): void {
    this.#cut.add(`${nodeKey(a)} ${nodeKey(b)}`).add(`${nodeKey(b)} ${nodeKey(a)}`);
    for (const links of this.nodes.values()) links.drop((link) => this.isCut(links.peer, link.peer));
  }

  mend(): void {
    this.#cut.clear();
  }

  isCut(a: LinkPeer, b: LinkPeer): boolean {
    return this.#cut.has(`${nodeKey(a)} ${nodeKey(b)}`);
  }

  /** A node is killed: its links go down, and nobody dials it, nor it anybody. */
  kill(links: FakeLinks): void {
    this.nodes.delete(links.address);
    links.drop(() => true);
  }
}

export class FakeLinks implements Links {
  readonly address: string;
  readonly peer: LinkPeer;
  readonly requests = new Map<string, RequestHandler>();
  readonly notices = new Map<string, NoticeHandler>();
  readonly #network: FakeNetwork;
  readonly #links = new Set<FakeLink>();
  readonly #listeners: ((link: Link, state: 'up' | 'down') => void)[] = [];

  constructor(peer: LinkPeer, network: FakeNetwork) {
    this.peer = peer;
    this.address = `${peer.id}.${peer.datacenter}:1`;
    this.#network = network;
  }

  async connect(target: LinkTarget): Promise<Link> {
    const known = [...this.#links].find((link) => nodeKey(link.peer) === nodeKey(target));
    if (known !== undefined) return known;
    await Promise.resolve();
    const far = this.#network.nodes.get(target.link);
    const dead = this.#network.nodes.get(this.address) !== this;
    if (dead || far === undefined || this.#network.isCut(this.peer, target)) {
      throw new LinkError('link_unreachable', target.link);
    }
    if (nodeKey(far.peer) !== nodeKey(target)) {
      throw new LinkError('link_refused', 'another node');
    }
    const said = this.#network.onSaid;
    const [here, there] = [new FakeLink(far.peer, this, said), new FakeLink(this.peer, far, said)];
    here.other = there;
    there.other = here;
    this.add(here);
    far.add(there);
    return here;
  }

  add(link: FakeLink): void {
    this.#links.add(link);
    for (const listener of this.#listeners) listener(link, 'up');
  }

  drop(which: (link: FakeLink) => boolean): void {
    for (const link of [...this.#links]) if (which(link)) link.close();
  }

  remove(link: FakeLink): void {
    if (!this.#links.delete(link)) return;
    for (const listener of this.#listeners) listener(link, 'down');
  }

  up(): readonly Link[] {
    return [...this.#links];
  }

  onRequest(name: string, handler: RequestHandler): void {
    this.requests.set(name, handler);
  }

  onNotice(name: string, handler: NoticeHandler): void {
    this.notices.set(name, handler);
  }

  onChange(listener: (link: Link, state: 'up' | 'down') => void): void {
    this.#listeners.push(listener);
  }

  rejudge(): [] {
    return [];
  }

  async close(): Promise<void> {
    this.drop(() => true);
  }
}

class FakeLink implements Link {
  readonly peer: LinkPeer;
  other: FakeLink | null = null;
  open = true;
  readonly owner: FakeLinks;
  readonly #onSaid: FakeNetwork['onSaid'];
  #queue: Promise<unknown> = Promise.resolve();

  constructor(peer: LinkPeer, owner: FakeLinks, onSaid: FakeNetwork['onSaid']) {
    this.peer = peer;
    this.owner = owner;
    this.#onSaid = onSaid;
  }

  request(name: string, data: unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const lost = () => reject(new LinkError('link_lost', 'down'));
      if (!this.open) return lost();
      this.#onSaid(this.owner.peer, this.peer, data);
      this.#deliver(
        async (there) => {
          const answer = there.owner.requests.get(name)?.(there, copy(data));
          this.#onSaid(this.peer, this.owner.peer, answer);
          const whole = await answer;
          if (!this.open) return lost();
          resolve(copy(whole));
        },
        (error) => (this.open ? reject(error) : lost()),
      );
    });
  }

  notice(name: string, data: unknown): void {
    if (!this.open) return;
    this.#onSaid(this.owner.peer, this.peer, data);
    this.#deliver(
      async (there) => there.owner.notices.get(name)?.(there, copy(data)),
      () => {},
    );
  }

  /** In order, one at a time, never within the caller's turn. */
  #deliver(act: (there: FakeLink) => Promise<unknown>, failed: (error: unknown) => void): void {
    this.#queue = this.#queue.then(async () => {
      await Promise.resolve();
      const there = this.other;
      if (!this.open || there === null) {
        failed(new LinkError('link_lost', 'down'));
        return;
      }
      act(there).catch(failed);
    });
  }

  close(): void {
    if (!this.open) return;
    this.open = false;
    this.owner.remove(this);
    this.other?.close();
  }
}

/** As it arrives. Throws where a link would not carry it. */
function copy(data: unknown): unknown {
  if (data === undefined) return undefined;
  const text = JSON.stringify(data);
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_LINK_MESSAGE_BYTES - 1024) throw new LinkError('link_too_large', `${bytes} bytes`);
  return JSON.parse(text);
}
