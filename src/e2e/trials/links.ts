import { setTimeout as sleep } from 'node:timers/promises';
import { randomFrom } from '../../../loadtest/measure/random.ts';
import { roomKey } from '../../cluster/federation/messages.ts';
import { RedisKeys } from '../../registry/redis/keys.ts';
import { readRoom } from '../../registry/redis/room-record.ts';
import type { Caller } from '../hosts/caller-process.ts';
import { type Hosts, startHosts } from '../hosts/hosts.ts';
import type { View } from '../hosts/messages.ts';

export interface LinksOptions {
  readonly seed: number;
  /** Sessions at once, over all rooms. */
  readonly people: number;
  readonly rooms: number;
  /** How often links are cut and mended. */
  readonly rounds: number;
  readonly say: (line: string) => void;
}

export interface LinksResult {
  /** What one sees that is not so, once all links are back; a few of them. */
  readonly differences: readonly string[];
  /** Sessions that were looked at, and links that were cut. */
  readonly seen: number;
  readonly cuts: number;
  /** Links that nodes took for lost. */
  readonly dropped: number;
  /** From the last mending until all saw the same, ms. */
  readonly settledMs: number;
}

const SITES = [
  { region: 'us', datacenter: 'sjc', node: '198.51.100.1', people: '198.51.100.10' },
  { region: 'eu', datacenter: 'fra', node: '203.0.113.1', people: '203.0.113.10' },
  { region: 'hk', datacenter: 'hkg', node: '192.0.2.129', people: '192.0.2.140' },
] as const;
type Site = (typeof SITES)[number];

/** Of each room: who has a microphone at each datacenter, and who waits for a host. */
const SPEAKERS = 1;
const WAITING = 2;
/** Joins at once at one place. */
const AT_ONCE = 4;
const SETTLE_MS = 90_000;

/** One who is in a room, or waits before it. */
interface Person {
  readonly name: string;
  readonly room: string;
  readonly site: Site;
  readonly speaks: boolean;
  readonly waits: boolean;
}

/**
 * Several hundred people meet over three nodes, in rooms that span them all. Links between the nodes are cut and
 * mended at random while people come, go, talk and wait; once all links are back, everyone must see the same: who is
 * there and where, who has a microphone, who waits, what was said since, each author's words in their order. Redis
 * must count the same people. It takes root: nodes are on hosts of their own.
 */
export async function links({ seed, people, rooms, rounds, say }: LinksOptions): Promise<LinksResult> {
  const hosts = await startHosts({
    datacenters: Object.fromEntries(SITES.map(({ datacenter, node }) => [datacenter, node])),
    people: Object.fromEntries(SITES.map(({ region, people: address }) => [region, [address]])),
    countries: { '198.51.100.0/24': 'US', '203.0.113.0/24': 'DE', '192.0.2.128/25': 'HK' },
    settings: { 'rooms.waitingRoom': true, 'rooms.peersPerRoom': 500 },
  });
  try {
    const trial = new Trial(hosts, seed);
    await trial.fill(people, rooms);
    say(`${people} people in ${rooms} rooms over ${SITES.map(({ datacenter }) => datacenter).join(', ')}`);
    for (let round = 0; round < rounds; round += 1) say(`round ${round + 1}: ${await trial.round()}`);
    const mendedAt = performance.now();
    await trial.settle();
    const settledMs = Math.round(performance.now() - mendedAt);
    await trial.lastWords();
    const differences = [...(await trial.settle()), ...(await trial.unheard())];
    say(
      `all links are back: all saw the same after ${settledMs} ms, ${differences.length} differences at the end`,
    );
    return {
      differences: differences.slice(0, 20),
      seen: trial.size,
      cuts: trial.cuts,
      dropped: trial.dropped,
      settledMs,
    };
  } finally {
    await hosts.close();
  }
}

class Trial {
  cuts = 0;
  readonly #hosts: Hosts;
  readonly #random: () => number;
  readonly #present = new Map<string, Person>();
  /** Said while all links were up, by room: text by text as its author said it. */
  readonly #said = new Map<string, { name: string; text: string }[]>();
  #next = 0;

  constructor(hosts: Hosts, seed: number) {
    this.#hosts = hosts;
    this.#random = randomFrom(seed);
  }

  get size(): number {
    return this.#present.size;
  }

  get dropped(): number {
    return [...this.#hosts.nodes.values()]
      .flatMap((node) => node.log())
      .filter(({ msg }) => msg === 'link down').length;
  }

  async fill(people: number, rooms: number): Promise<void> {
    const planned = Array.from({ length: people }, (_, n): Person => {
      const site = SITES[n % SITES.length] ?? SITES[0];
      const inRoom = Math.floor(n / SITES.length / rooms);
      const room = `links-${Math.floor(n / SITES.length) % rooms}`;
      const waits = inRoom >= 1 && inRoom < 1 + WAITING && n % SITES.length === inRoom % SITES.length;
      return { name: this.#name(), room, site, speaks: inRoom < SPEAKERS, waits };
    });
    await this.#joinAll(planned);
  }

  /** Cuts links, lets people come and go meanwhile, and mends; tells what was cut. */
  async round(): Promise<string> {
    const pairs = [
      ['sjc', 'fra'],
      ['fra', 'hkg'],
      ['hkg', 'sjc'],
    ] as const;
    const cut = pairs.filter(() => this.#random() < 0.6);
    for (const [a, b] of cut) this.#hosts.network.cut(a, b);
    this.cuts += cut.length;
    const leaving = [...this.#present.values()].filter(({ speaks }) => !speaks && this.#random() < 0.1);
    // Shorter than links take to notice, and longer.
    await sleep(500 + this.#random() * 10_000);
    for (const { name, site } of leaving) {
      await this.#at(site).leave(name);
      this.#present.delete(name);
    }
    await this.#joinAll(leaving.map((person) => ({ ...person, name: this.#name() })));
    for (const [a, b] of cut) this.#hosts.network.mend(a, b);
    await sleep(this.#random() * 3000);
    const what = cut.map((pair) => pair.join('–')).join(', ') || 'nothing';
    return `${what} cut; ${leaving.length} people left and as many came`;
  }

  /** Waits until nobody sees anything that is not so; what there still is at the end of the time. */
  async settle(): Promise<readonly string[]> {
    for (const end = performance.now() + SETTLE_MS; ; await sleep(1000)) {
      const differences = await this.#differences();
      if (differences.length === 0 || performance.now() > end) return differences;
    }
  }

  /** Speakers who do not hear another one of their room. */
  async unheard(): Promise<string[]> {
    const before = new Map((await this.#views()).map((view) => [view.who, view.heard]));
    await sleep(2000);
    const speakers = [...this.#present.values()].filter(({ speaks }) => speaks);
    return (await this.#views()).flatMap(({ who, heard }) => {
      const self = speakers.find(({ name }) => name === who);
      return speakers
        .filter(({ name, room }) => self !== undefined && room === self.room && name !== who)
        .filter(({ name }) => (heard[name] ?? 0) <= (before.get(who)?.[name] ?? 0))
        .map(({ name }) => `${who} does not hear ${name}`);
    });
  }

  /** Somebody at each place says two things in each room. */
  async lastWords(): Promise<void> {
    for (const person of this.#present.values()) {
      if (!person.speaks) continue;
      for (const n of [1, 2]) {
        const text = `${n} of ${person.name}`;
        const outcome = await this.#at(person.site).chat(person.name, text);
        if (outcome !== 'ok') throw new Error(`${person.name} could not chat: ${outcome}`);
        const said = this.#said.get(person.room) ?? [];
        this.#said.set(person.room, [...said, { name: person.name, text }]);
      }
    }
  }

  /** What anyone sees that is not so, and what Redis counts wrongly. */
  async #differences(): Promise<string[]> {
    const views = await this.#views();
    const everyone = [...this.#present.values()];
    const byName = new Map(views.map((view) => [view.who, view]));
    const found: string[] = [];
    for (const person of everyone) {
      const view = byName.get(person.name);
      if (view === undefined) found.push(`${person.name} is gone`);
      else if (person.waits) {
        if (view.status !== 'waiting') found.push(`${person.name} does not wait, but is ${view.status}`);
      } else found.push(...this.#wrong(person, view));
    }
    for (const room of new Set(everyone.map((person) => person.room))) {
      const counted = await this.#registered(room);
      const here = everyone.filter((one) => one.room === room && !one.waits);
      const expected = SITES.map(
        ({ datacenter }) =>
          `${datacenter} ${here.filter(({ site }) => site.datacenter === datacenter).length}`,
      );
      if (counted.join() !== expected.join())
        found.push(`Redis has ${counted.join(', ')} in ${room}, not ${expected.join(', ')}`);
    }
    return found;
  }

  #wrong({ name, room, site }: Person, view: View): string[] {
    const others = [...this.#present.values()].filter((one) => one.room === room && one.name !== name);
    const described = (one: Person): string =>
      `${one.name} at ${one.site.datacenter}${one.speaks ? ' with microphone' : ''}`;
    const expected = others
      .filter(({ waits }) => !waits)
      .map(described)
      .sort();
    const seen = view.peers
      .map(({ name: peer, datacenter, sources }) => [`${peer} at ${datacenter}`, ...sources].join(' with '))
      .sort();
    const waiting = others
      .filter(({ waits }) => waits)
      .map((one) => one.name)
      .sort();
    const authors = new Set(view.chat.map((one) => one.name));
    const chatOf = (chat: readonly { name: string; text: string }[], author: string): string =>
      chat
        .filter((one) => one.name === author)
        .map(({ text }) => text)
        .join();
    const said = this.#said.get(room) ?? [];
    const wrongChat = [...new Set([...authors, ...said.map((one) => one.name)])].filter(
      (author) => chatOf(view.chat, author) !== chatOf(said, author),
    );
    return [
      ...(view.status === 'joined' && view.datacenter === site.datacenter
        ? []
        : [`${name} is ${view.status} at ${view.datacenter}`]),
      ...differenceOf(expected, seen).map((what) => `${name} sees ${what}`),
      ...differenceOf(waiting, view.waiting).map((what) => `${name} sees waiting ${what}`),
      ...wrongChat.map((author) => `${name} has not what ${author} said, in its order`),
    ];
  }

  /** People of a room by datacenter, as Redis has them. */
  async #registered(room: string): Promise<string[]> {
    const fields = await this.#hosts.redis.hgetall(
      new RedisKeys('commercial').room(roomKey('commercial', room)),
    );
    const { hosts } = readRoom(Object.entries(fields).flat());
    return SITES.map(({ datacenter }) => {
      const homes = hosts.filter((host) => host.datacenter === datacenter).flatMap((host) => host.homes);
      return `${datacenter} ${homes.reduce((sum, { count }) => sum + count, 0)}`;
    });
  }

  async #joinAll(people: readonly Person[]): Promise<void> {
    // Hosts come first: whoever waits, waits for one.
    for (const some of [people.filter(({ waits }) => !waits), people.filter(({ waits }) => waits)]) {
      await Promise.all(
        SITES.map(async (site) => {
          const queue = some.filter((person) => person.site === site);
          await Promise.all(Array.from({ length: AT_ONCE }, () => this.#joinFrom(queue)));
        }),
      );
    }
  }

  async #joinFrom(queue: Person[]): Promise<void> {
    for (let person = queue.shift(); person !== undefined; person = queue.shift()) {
      const { name, room, site, speaks, waits } = person;
      const role = waits ? 'participant' : 'host';
      const token = await this.#hosts.token({ room, region: site.region, role });
      const media = speaks ? site.people : null;
      const outcome = await this.#at(site).join(name, token, `wss://${site.node}`, { media });
      if (outcome !== (waits ? 'waiting' : 'joined')) throw new Error(`${name} could not join: ${outcome}`);
      this.#present.set(name, person);
    }
  }

  async #views(): Promise<readonly View[]> {
    return (await Promise.all([...this.#hosts.callers.values()].map((caller) => caller.views()))).flat();
  }

  #at({ region }: Site): Caller {
    const caller = this.#hosts.callers.get(region);
    if (caller === undefined) throw new Error(`nobody plays people of ${region}`);
    return caller;
  }

  #name(): string {
    this.#next += 1;
    return `p${this.#next}`;
  }
}

function differenceOf(expected: readonly string[], seen: readonly string[]): string[] {
  const [want, have] = [new Set(expected), new Set(seen)];
  return [
    ...expected.filter((one) => !have.has(one)).map((one) => `no ${one}`),
    ...seen.filter((one) => !want.has(one)).map((one) => `${one}, who is not there`),
    ...(seen.length === have.size ? [] : ['somebody twice']),
  ];
}
